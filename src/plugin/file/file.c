/* SPDX-License-Identifier: Apache-2.0 */
/* file - authoritative answers from master files (CoreDNS's file). */
#include <string.h>
#include "authority/zonefile.h"
#include "authority/zoneset.h"
#include "base/time.h"

struct file {
	struct nd_zoneset zones; /* first; the source of an item is its struct nd_zonefile */
	struct nd_fallthrough fall;
	/* As in CoreDNS, these hold for a directive and for those after it. */
	int64_t reload_ns;
	bool by_mtime, begun;
};

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct file *f = self;
	const struct nd_zoneset_item *item = nd_zoneset_find(&f->zones, q->msg.qname);

	if (!item)
		return nd_zoneset_pass(q);
	if (nd_msg_opcode(&q->msg) == ND_OPCODE_NOTIFY) /* only a secondary takes it */
		return nd_zoneset_drop_notify(item, q, "file");
	return nd_zoneset_answer(item, q, &f->fall);
}

/* --- setting up --- */

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;
	struct file *f = self;

	if (strcmp(l->name, "fallthrough") == 0)
		return nd_setup_fallthrough(s, l, &f->fall);
	if (strcmp(l->name, "reload_by_mtime") == 0) {
		f->by_mtime = true;
		return 0;
	}
	if (strcmp(l->name, "reload") == 0) {
		int64_t ns;
		if (l->nargs < 1 || nd_settings_duration(l->args[0], &ns) || ns < 0)
			return nd_setup_invalid(s, l, "reload", l->nargs ? l->args[0] : "",
						"a duration like \"1m\", or 0");
		f->reload_ns = ns;
	}
	return 0; /* upstream: has no meaning any more, in CoreDNS either */
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("fallthrough", "[ZONES...]"),
	ND_SET_OWN_ROW("reload", "DURATION between checks of the file"),
	ND_SET_OWN_ROW("reload_by_mtime", "replace the zone when the file is newer"),
	ND_SET_OWN_ROW("upstream", "without meaning"),
	{ 0 },
};

static int add_zone(struct file *f, struct nd_setup *s, const char *path, struct nd_name name)
{
	struct nd_zonefile_options o = {
		.plugin = "file",
		.path = path,
		.origin = name,
		.reload_ns = f->reload_ns,
		.by_mtime = f->by_mtime,
		.required = f->reload_ns == 0,
	};
	struct nd_zonefile *z = path ? nd_zonefile_share(s, &o) : NULL;

	if (!z)
		return s->diag->set ? ND_ECONF : ND_ELIMIT;
	struct nd_zoneset_item *item = nd_zoneset_place(&f->zones, name);
	item->source = z;
	item->slot = nd_zonefile_slot(z);
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct file *f = self;
	struct nd_name *zones;
	size_t n;

	if (!f->begun)
		f->reload_ns = ND_S(60);
	f->begun = true;
	if (d->nargs < 1)
		return nd_setup_error(s, NULL, "missing file; give file DBFILE [ZONES...]");
	int err = nd_setup_zones(s, d->args + 1, d->nargs - 1, &zones, &n);
	if (!err)
		err = nd_setup_settings(s, own, false);
	if (!err)
		err = nd_zoneset_grow(&f->zones, s, n);
	const char *path = nd_setup_path(s, d->args[0]);
	for (size_t i = 0; i < n && !err; i++)
		err = add_zone(f, s, path, zones[i]);
	return err;
}

static int start(void *self, struct nd_setup *s)
{
	struct file *f = self;

	nd_zoneset_start(&f->zones, s);
	for (size_t i = 0; i < f->zones.n; i++)
		nd_zonefile_start(f->zones.items[i].source, s->loop);
	return 0;
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

const struct nd_plugin nd_plugin_file = {
	.name = "file",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct file),
	.settings = settings,
	.offer = &offer,
	.setup = setup,
	.start = start,
	.serving = serving,
	.stop = stop,
	.query = answer,
};
