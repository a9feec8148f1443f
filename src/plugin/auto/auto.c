/* SPDX-License-Identifier: Apache-2.0 */
/* auto - authoritative answers from the master files of a folder (CoreDNS's auto). */
#include <string.h>
#include "authority/lookup.h"
#include "authority/zonexfr.h"
#include "base/log.h"
#include "base/time.h"
#include "core/offer.h"
#include "io/file.h"
#include "plugin/auto/autodir.h"

struct automatic {
	struct nd_name *zones; /* only names below these are answered */
	size_t nzones;
	struct nd_autodir_options o;
	struct nd_autodir *dir; /* shared by generations */
	struct nd_autodir_listener listener;
	void (*notify)(void *self, struct nd_name zone); /* of transfer; NULL: not in the block */
	void *transfer;
};

/* --- answering --- */

static enum nd_verdict on_target(const void *self, struct nd_query *q, struct nd_query *child)
{
	const struct automatic *a = self;
	const struct nd_zoneslot *s = nd_autodir_find(a->dir, q->msg.qname, false);

	return nd_lookup_target(q, s ? nd_zoneslot_tree(s) : NULL, child);
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct automatic *a = self;

	if (!nd_setup_zone_match(a->zones, a->nzones, q->msg.qname))
		return ND_NEXT;
	const struct nd_zoneslot *s = nd_autodir_find(a->dir, q->msg.qname, false);
	if (!s)
		return nd_query_next_plugin(q) ? ND_NEXT : nd_query_fail(q, ND_RCODE_REFUSED, NULL);
	if (q->msg.qtype == ND_TYPE_AXFR || q->msg.qtype == ND_TYPE_IXFR)
		return nd_query_fail(q, ND_RCODE_REFUSED, NULL);
	return nd_lookup_answer(q, nd_zoneslot_tree(s), NULL, on_target);
}

/* --- transfers --- */

static struct nd_tree *find_exact(const struct automatic *a, struct nd_name zone)
{
	const struct nd_zoneslot *s = nd_autodir_find(a->dir, zone, true);

	return s ? nd_zoneslot_tree(s) : NULL;
}

static bool soa(const void *self, struct nd_name zone, struct nd_offer_soa *out)
{
	return nd_zonexfr_soa(find_exact(self, zone), out);
}

static bool hold(const void *self, struct nd_name zone, struct nd_offer_cursor *at,
		 struct nd_offer_soa *out)
{
	return nd_zonexfr_hold(find_exact(self, zone), at, out);
}

static const struct nd_offer_zone offer_zone = {
	.soa = soa,
	.current = nd_zonexfr_current,
	.walk = nd_zonexfr_walk,
	.hold = hold,
	.release = nd_zonexfr_release,
};

static const struct nd_offer offer = { .zone = &offer_zone };

static void changed(struct nd_autodir_listener *l, struct nd_name zone)
{
	const struct automatic *a = ND_CONTAINER(l, struct automatic, listener);

	if (a->notify)
		a->notify(a->transfer, zone);
}

/* --- setting up --- */

/* As in CoreDNS every "{" gets a dollar sign: "{1}" is "${1}". */
static const char *to_template(struct nd_setup *s, const char *text)
{
	char *out = nd_arena_alloc(s->arena, 2 * strlen(text) + 1), *to = out;

	for (; out && *text; text++) {
		if (*text == '{')
			*to++ = '$';
		*to++ = *text;
	}
	return out;
}

static int read_directory(struct automatic *a, const struct nd_conf_line *l, struct nd_setup *s)
{
	if (l->nargs != 1 && l->nargs != 3)
		return nd_setup_error(s, l, "give directory DIR [REGEXP TEMPLATE]");
	a->o.path = nd_setup_path(s, l->args[0]);
	if (l->nargs == 3) {
		a->o.pattern = l->args[1];
		a->o.origin_template = to_template(s, l->args[2]);
	}
	if (!a->o.path || !a->o.origin_template)
		return ND_ELIMIT;
	if (!nd_file_stamp(a->o.path).exists)
		nd_log_warning("auto", "Directory does not exist: %s", a->o.path);
	return 0;
}

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;
	struct automatic *a = self;

	if (strcmp(l->name, "directory") == 0)
		return read_directory(a, l, s);
	if (strcmp(l->name, "reload") == 0) {
		int64_t ns;
		if (l->nargs < 1 || nd_settings_duration(l->args[0], &ns) || ns < 0)
			return nd_setup_invalid(s, l, "reload", l->nargs ? l->args[0] : "",
						"a duration like \"1m\", or 0");
		a->o.reload_ns = ns;
	}
	return 0; /* upstream: has no meaning any more, in CoreDNS either */
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("directory", "DIR [REGEXP TEMPLATE]"),
	ND_SET_OWN_ROW("reload", "DURATION between scans of the folder"),
	ND_SET_OWN_ROW("upstream", "without meaning"),
	{ 0 },
};

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct automatic *a = self;

	/* As in CoreDNS a later directive has what it states, and else what an earlier one has. */
	if (!a->o.pattern)
		a->o = (struct nd_autodir_options){ .pattern = "db\\.(.*)",
						    .origin_template = "${1}",
						    .reload_ns = ND_S(60) };
	int err = nd_setup_zones(s, d->args, d->nargs, &a->zones, &a->nzones);
	if (!err)
		err = nd_setup_settings(s, own, false);
	if (err)
		return err;
	if (!a->o.path)
		return nd_setup_error(s, NULL, "missing folder; give directory DIR");
	a->dir = nd_autodir_share(s, &a->o);
	if (!a->dir)
		return s->diag->set ? ND_ECONF : ND_ELIMIT;
	return 0;
}

static int start(void *self, struct nd_setup *s)
{
	struct automatic *a = self;
	const void *transfer = NULL;
	const struct nd_plugin *p = nd_offer_find(s, "transfer", &transfer);

	if (p && p->offer) {
		a->notify = p->offer->notify;
		a->transfer = (void *)transfer;
	}
	nd_autodir_start(a->dir, s->loop);
	return 0;
}

/* As in CoreDNS, secondaries are notified at the start too. */
static void serving(void *self)
{
	struct automatic *a = self;

	a->listener.changed = changed;
	nd_autodir_listen(a->dir, &a->listener);
	nd_autodir_each(a->dir, &a->listener);
}

static void stop(void *self)
{
	struct automatic *a = self;

	nd_autodir_unlisten(&a->listener);
}

const struct nd_plugin nd_plugin_auto = {
	.name = "auto",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct automatic),
	.settings = settings,
	.offer = &offer,
	.setup = setup,
	.start = start,
	.serving = serving,
	.stop = stop,
	.query = answer,
};
