/* SPDX-License-Identifier: Apache-2.0 */
/* secondary - zones transferred from primaries (CoreDNS's secondary). */
#include <string.h>
#include "authority/zonein.h"
#include "authority/zoneset.h"
#include "base/log.h"

struct secondary {
	struct nd_zoneset zones; /* first; the source of an item is its struct nd_zonein */
	struct nd_fallthrough fall;
	/* Of the directive that is read. */
	struct nd_addr *from;
	size_t nfrom;
};

static enum nd_verdict take_notify(struct nd_zoneset_item *item, struct nd_query *q)
{
	struct nd_zonein *z = item->source;
	char zone[ND_NAME_TEXT_MAX], client[ND_ADDR_TEXT_MAX];

	if (!nd_zonein_is_primary(z, &q->client.peer))
		return nd_zoneset_drop_notify(item, q, "secondary");
	nd_name_format(item->slot->origin, zone);
	nd_addr_format_ip(&q->client.peer, client);
	nd_log_info("secondary", "Notify from %s for %s: checking transfer", client, zone);
	nd_zonein_notify(z);
	q->ans.flags |= ND_FLAG_AA;
	return ND_DONE;
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct secondary *s = self;
	struct nd_zoneset_item *item = nd_zoneset_find(&s->zones, q->msg.qname);

	if (!item)
		return nd_zoneset_pass(q);
	if (nd_msg_opcode(&q->msg) == ND_OPCODE_NOTIFY)
		return take_notify(item, q);
	return nd_zoneset_answer(item, q, &s->fall);
}

/* --- setting up --- */

static int read_from(struct secondary *x, const struct nd_conf_line *l, struct nd_setup *s)
{
	if (l->nargs < 1 || strcmp(l->args[0], "from") != 0)
		return nd_setup_invalid(s, l, "property", l->nargs ? l->args[0] : "",
					"transfer from ADDRESS...");
	if (l->nargs < 2)
		return nd_setup_error(s, l, "missing address; give transfer from ADDRESS...");
	struct nd_addr *from = nd_arena_array(s->arena, x->nfrom + l->nargs - 1, sizeof *from);
	if (!from)
		return ND_ELIMIT;
	if (x->nfrom)
		memcpy(from, x->from, x->nfrom * sizeof *from);
	x->from = from;
	for (size_t i = 1; i < l->nargs; i++)
		if (nd_addr_parse(l->args[i], 53, &x->from[x->nfrom++]))
			return nd_setup_invalid(s, l, "address", l->args[i],
						"an IP address, with or without a port");
	return 0;
}

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;
	struct secondary *x = self;

	if (strcmp(l->name, "fallthrough") == 0)
		return nd_setup_fallthrough(s, l, &x->fall);
	return read_from(x, l, s);
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("fallthrough", "[ZONES...]"),
	ND_SET_OWN_ROW("transfer", "from ADDRESS..."),
	ND_SET_NOTYET_ROW("catalog", "[ZONES...]"),
	{ 0 },
};

static int add_zone(struct secondary *x, struct nd_setup *s, struct nd_name name)
{
	struct nd_zonein_options o = { .origin = name,
				       .primaries = x->from,
				       .nprimaries = x->nfrom };
	struct nd_zonein *z = nd_zonein_share(s, &o);

	if (!z)
		return ND_ELIMIT;
	struct nd_zoneset_item *item = nd_zoneset_place(&x->zones, name);
	item->source = z;
	item->slot = nd_zonein_slot(z);
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct secondary *x = self;
	struct nd_name *zones;
	size_t n;

	x->nfrom = 0;
	int err = nd_setup_zones(s, d->args, d->nargs, &zones, &n);
	if (!err)
		err = nd_setup_settings(s, own, false);
	if (err)
		return err;
	if (!x->nfrom)
		return nd_setup_error(s, NULL, "missing primaries; give transfer from ADDRESS...");
	err = nd_zoneset_grow(&x->zones, s, n);
	for (size_t i = 0; i < n && !err; i++)
		err = add_zone(x, s, zones[i]);
	return err;
}

static int start(void *self, struct nd_setup *s)
{
	struct secondary *x = self;
	int err = 0;

	nd_zoneset_start(&x->zones, s);
	for (size_t i = 0; i < x->zones.n && !err; i++)
		err = nd_zonein_start(x->zones.items[i].source, s->loop);
	return err;
}

static void serving(void *self)
{
	nd_zoneset_serving(self);
}

static void stop(void *self)
{
	nd_zoneset_stop(self);
}

static const struct nd_offer offer = { .zone = &nd_zoneset_offer };

const struct nd_plugin nd_plugin_secondary = {
	.name = "secondary",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct secondary),
	.settings = settings,
	.offer = &offer,
	.setup = setup,
	.start = start,
	.serving = serving,
	.stop = stop,
	.query = answer,
};
