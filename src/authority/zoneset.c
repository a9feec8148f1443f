/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/zoneset.h"

#include <string.h>
#include "authority/zonexfr.h"
#include "base/log.h"
#include "core/query.h"

/* --- setting up --- */

int nd_zoneset_grow(struct nd_zoneset *set, struct nd_setup *s, size_t n)
{
	struct nd_name *names = nd_arena_array(s->arena, set->n + n, sizeof *names);
	struct nd_zoneset_item *items = nd_arena_array(s->arena, set->n + n, sizeof *items);

	if (!names || !items)
		return ND_ELIMIT;
	if (set->n) {
		memcpy(names, set->names, set->n * sizeof *names);
		memcpy(items, set->items, set->n * sizeof *items);
	}
	set->names = names;
	set->items = items;
	return 0;
}

struct nd_zoneset_item *nd_zoneset_place(struct nd_zoneset *set, struct nd_name name)
{
	for (size_t i = 0; i < set->n; i++)
		if (nd_name_same(set->names[i], name))
			return &set->items[i];
	set->names[set->n] = name;
	set->items[set->n].set = set;
	return &set->items[set->n++];
}

void nd_zoneset_start(struct nd_zoneset *set, struct nd_setup *s)
{
	const void *transfer = NULL;
	const struct nd_plugin *p = nd_offer_find(s, "transfer", &transfer);

	if (p && p->offer) {
		set->notify = p->offer->notify;
		set->transfer = (void *)transfer;
	}
}

static void changed(struct nd_zoneslot_listener *l, struct nd_zoneslot *slot)
{
	const struct nd_zoneset *set = ND_CONTAINER(l, struct nd_zoneset_item, listener)->set;

	if (set->notify)
		set->notify(set->transfer, slot->origin);
}

void nd_zoneset_serving(struct nd_zoneset *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct nd_zoneset_item *item = &set->items[i];
		item->listener.changed = changed;
		nd_zoneslot_listen(item->slot, &item->listener);
		if (item->slot->tree)
			changed(&item->listener, item->slot);
	}
}

void nd_zoneset_stop(struct nd_zoneset *set)
{
	for (size_t i = 0; i < set->n; i++)
		nd_zoneslot_unlisten(&set->items[i].listener);
}

/* --- answering --- */

struct nd_zoneset_item *nd_zoneset_find(const struct nd_zoneset *set, struct nd_name lower)
{
	const struct nd_name *match = nd_setup_zone_match(set->names, set->n, lower);

	return match ? &set->items[match - set->names] : NULL;
}

enum nd_verdict nd_zoneset_pass(struct nd_query *q)
{
	return nd_query_next_plugin(q) ? ND_NEXT : nd_query_fail(q, ND_RCODE_REFUSED, NULL);
}

static enum nd_verdict on_target(const void *self, struct nd_query *q, struct nd_query *child)
{
	const struct nd_zoneset_item *item = nd_zoneset_find(self, q->msg.qname);

	return nd_lookup_target(q, item ? nd_zoneslot_tree(item->slot) : NULL, child);
}

enum nd_verdict nd_zoneset_answer(const struct nd_zoneset_item *item, struct nd_query *q,
				  const struct nd_fallthrough *fall)
{
	if (q->msg.qtype == ND_TYPE_AXFR || q->msg.qtype == ND_TYPE_IXFR)
		return nd_query_fail(q, ND_RCODE_REFUSED, NULL);
	const struct nd_tree *t = nd_zoneslot_tree(item->slot);
	if (!t)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "the zone is not loaded");
	if (item->slot->expired)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "the zone has expired");
	return nd_lookup_answer(q, t, fall, on_target);
}

enum nd_verdict nd_zoneset_drop_notify(const struct nd_zoneset_item *item, struct nd_query *q,
				       const char *plugin)
{
	char zone[ND_NAME_TEXT_MAX], client[ND_ADDR_TEXT_MAX];

	nd_name_format(item->slot->origin, zone);
	nd_addr_format_ip(&q->client.peer, client);
	nd_log_info(plugin, "Dropping notify from %s for %s", client, zone);
	return ND_DROP;
}

/* --- transfers --- */

static struct nd_tree *find_exact(const struct nd_zoneset *set, struct nd_name zone)
{
	for (size_t i = 0; i < set->n; i++)
		if (nd_name_same(set->names[i], zone))
			return nd_zoneslot_tree(set->items[i].slot);
	return NULL;
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

const struct nd_offer_zone nd_zoneset_offer = {
	.soa = soa,
	.current = nd_zonexfr_current,
	.walk = nd_zonexfr_walk,
	.hold = hold,
	.release = nd_zonexfr_release,
};
