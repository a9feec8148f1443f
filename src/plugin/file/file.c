/* SPDX-License-Identifier: Apache-2.0 */
/* file - authoritative answers from master files (CoreDNS's file). */
#include <string.h>
#include "authority/lookup.h"
#include "authority/zonefile.h"
#include "authority/zonexfr.h"
#include "base/log.h"
#include "base/time.h"
#include "core/offer.h"

struct zone {
	struct nd_zonefile_listener listener;
	struct nd_zonefile *file; /* shared by generations */
	struct file *of;
};

struct file {
	struct nd_name *names; /* lower case */
	struct zone **zones;   /* beside names */
	size_t n, cap;
	struct nd_fallthrough fall;
	/* As in CoreDNS, these hold for a directive and for those after it. */
	int64_t reload_ns;
	bool by_mtime, begun;
	void (*notify)(void *self, struct nd_name zone); /* of transfer; NULL: not in the block */
	void *transfer;
};

/* --- answering --- */

static struct nd_zonefile *find(const struct file *f, struct nd_name name)
{
	const struct nd_name *match = nd_setup_zone_match(f->names, f->n, name);

	return match ? f->zones[match - f->names]->file : NULL;
}

static enum nd_verdict external_done(const void *self, struct nd_query *q, struct nd_query *child)
{
	const struct nd_zonefile *z = find(self, q->msg.qname);

	return nd_lookup_target(q, z ? nd_zonefile_tree(z) : NULL, child);
}

/* Only a secondary takes NOTIFY. */
static enum nd_verdict drop_notify(const struct nd_query *q, const struct nd_zonefile *z)
{
	char zone[ND_NAME_TEXT_MAX], client[ND_ADDR_TEXT_MAX];

	nd_name_format(nd_zonefile_origin(z), zone);
	nd_addr_format_ip(&q->client.peer, client);
	nd_log_info("file", "Dropping notify from %s for %s", client, zone);
	return ND_DROP;
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct file *f = self;
	const struct nd_zonefile *z = find(f, q->msg.qname);

	if (!z)
		return nd_query_next_plugin(q) ? ND_NEXT : nd_query_fail(q, ND_RCODE_REFUSED, NULL);
	if (q->msg.qtype == ND_TYPE_AXFR || q->msg.qtype == ND_TYPE_IXFR)
		return nd_query_fail(q, ND_RCODE_REFUSED, NULL);
	if (nd_msg_opcode(&q->msg) == ND_OPCODE_NOTIFY)
		return drop_notify(q, z);
	const struct nd_tree *t = nd_zonefile_tree(z);
	if (!t)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "the zone is not loaded");
	return nd_lookup_answer(q, t, &f->fall, external_done);
}

/* --- transfers --- */

static struct nd_tree *find_exact(const struct file *f, struct nd_name zone)
{
	for (size_t i = 0; i < f->n; i++)
		if (nd_name_same(f->names[i], zone))
			return nd_zonefile_tree(f->zones[i]->file);
	return NULL;
}

static bool soa(const void *self, struct nd_name zone, struct nd_offer_soa *out)
{
	const struct nd_tree *t = find_exact(self, zone);

	if (t)
		nd_zonexfr_soa(t, out);
	return t != NULL;
}

static bool hold(const void *self, struct nd_name zone, struct nd_offer_cursor *at,
		 struct nd_offer_soa *out)
{
	struct nd_tree *t = find_exact(self, zone);

	if (!t)
		return false;
	nd_zonexfr_hold(t, at);
	nd_zonexfr_soa(t, out);
	return true;
}

static bool walk(const void *self, struct nd_query *q, struct nd_name zone,
		 struct nd_offer_cursor *at, const struct nd_offer_records *to)
{
	(void)self;
	(void)q;
	(void)zone;
	return nd_zonexfr_walk(at, to);
}

static const struct nd_offer_zone offer_zone = {
	.soa = soa,
	.current = nd_zonexfr_current,
	.walk = walk,
	.hold = hold,
	.release = nd_zonexfr_release,
};

static const struct nd_offer offer = { .zone = &offer_zone };

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

/* The place of a zone: a later directive for the same zone replaces the earlier one. */
static struct zone *place_of(struct nd_setup *s, struct file *f, struct nd_name name)
{
	for (size_t i = 0; i < f->n; i++)
		if (nd_name_same(f->names[i], name))
			return f->zones[i];
	struct zone *z = nd_arena_alloc(s->arena, sizeof *z);
	if (!z)
		return NULL;
	z->of = f;
	f->names[f->n] = name;
	f->zones[f->n++] = z;
	return z;
}

/* Room for n more zones. */
static int make_room(struct nd_setup *s, struct file *f, size_t n)
{
	struct nd_name *names = nd_arena_array(s->arena, f->n + n, sizeof *names);
	struct zone **zones = nd_arena_array(s->arena, f->n + n, sizeof *zones);

	if (!names || !zones)
		return ND_ELIMIT;
	if (f->n) {
		memcpy(names, f->names, f->n * sizeof *names);
		memcpy(zones, f->zones, f->n * sizeof *zones);
	}
	f->names = names;
	f->zones = zones;
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct file *f = self;
	struct nd_name *zones;
	size_t n;

	if (!f->begun)
		f->reload_ns = 60 * ND_S(1);
	f->begun = true;
	if (d->nargs < 1)
		return nd_setup_error(s, NULL, "missing file; give file DBFILE [ZONES...]");
	int err = nd_setup_zones(s, d->args + 1, d->nargs - 1, &zones, &n);
	if (!err)
		err = nd_setup_settings(s, own, false);
	if (!err)
		err = make_room(s, f, n);
	const char *path = nd_setup_path(s, d->args[0]);
	for (size_t i = 0; i < n && !err; i++) {
		struct nd_zonefile_options o = {
			.plugin = "file",
			.path = path,
			.origin = zones[i],
			.reload_ns = f->reload_ns,
			.by_mtime = f->by_mtime,
			.required = f->reload_ns == 0,
		};
		struct zone *z = path ? place_of(s, f, zones[i]) : NULL;
		if (z)
			z->file = nd_zonefile_share(s, &o);
		if (!z || !z->file)
			err = s->diag->set ? ND_ECONF : ND_ELIMIT;
	}
	return err;
}

static void changed(struct nd_zonefile_listener *l, struct nd_zonefile *file)
{
	const struct file *f = ND_CONTAINER(l, struct zone, listener)->of;

	if (f->notify)
		f->notify(f->transfer, nd_zonefile_origin(file));
}

static int start(void *self, struct nd_setup *s)
{
	struct file *f = self;
	const void *transfer = NULL;
	const struct nd_plugin *p = nd_offer_find(s, "transfer", &transfer);

	if (p && p->offer) {
		f->notify = p->offer->notify;
		f->transfer = (void *)transfer;
	}
	for (size_t i = 0; i < f->n; i++)
		nd_zonefile_start(f->zones[i]->file, s->loop);
	return 0;
}

/* As in CoreDNS, secondaries are notified at the start too. */
static void serving(void *self)
{
	struct file *f = self;

	for (size_t i = 0; i < f->n; i++) {
		struct zone *z = f->zones[i];
		z->listener.changed = changed;
		nd_zonefile_listen(z->file, &z->listener);
		changed(&z->listener, z->file);
	}
}

static void stop(void *self)
{
	struct file *f = self;

	for (size_t i = 0; i < f->n; i++)
		nd_zonefile_unlisten(&f->zones[i]->listener);
}

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
