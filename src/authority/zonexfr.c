/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/zonexfr.h"

#include <string.h>
#include "wire/reader.h"
#include "wire/type.h"

enum { NODES = 64 }; /* of a call */

bool nd_zonexfr_soa(const struct nd_tree *t, struct nd_offer_soa *out)
{
	if (!t)
		return false;
	struct nd_tree_node apex = nd_tree_apex(t);
	struct nd_tree_set set = nd_tree_set(&apex, ND_TYPE_SOA);
	struct nd_tree_rr rr = { .n = 0 };

	nd_tree_next(&set, &rr);
	*out = (struct nd_offer_soa){ .ttl = rr.ttl, .serial = t->serial, .n = rr.n };
	memcpy(out->rdata, rr.rdata, rr.n); /* two names and 20 bytes at most */
	return true;
}

bool nd_zonexfr_current(uint32_t theirs, uint32_t ours)
{
	return theirs == ours;
}

/* The cursor: the tree is in stamp, the node in at (0: the apex), the sets and records of the node
 * that are done in part and item. */
static struct nd_tree *tree_of(const struct nd_offer_cursor *at)
{
	return (struct nd_tree *)(uintptr_t)at->stamp; /* NOLINT(performance-no-int-to-ptr) */
}

bool nd_zonexfr_hold(struct nd_tree *t, struct nd_offer_cursor *at, struct nd_offer_soa *out)
{
	if (!nd_zonexfr_soa(t, out))
		return false;
	nd_tree_ref(t);
	*at = (struct nd_offer_cursor){ .stamp = (uintptr_t)t };
	return true;
}

void nd_zonexfr_release(struct nd_offer_cursor *at)
{
	nd_tree_unref(tree_of(at));
	at->stamp = 0;
}

/* Continues with the record `object` bytes into the set. False: `full` said so. */
static bool put_set(struct nd_offer_cursor *at, struct nd_name owner, struct nd_tree_set set,
		    const struct nd_offer_records *to)
{
	const uint8_t *start = set.next;
	struct nd_tree_rr rr;

	set.next += at->object;
	while (nd_tree_next(&set, &rr)) {
		struct nd_offer_record r = { .owner = owner,
					     .type = set.type,
					     .ttl = rr.ttl,
					     .rdata = rr.rdata,
					     .n = rr.n };
		to->put(to->ctx, &r);
		at->object = (uint32_t)(set.next - start);
		if (to->full && to->full(to->ctx))
			return false;
	}
	at->object = 0;
	return true;
}

static bool put_node(struct nd_offer_cursor *at, const struct nd_tree_node *node, bool apex,
		     const struct nd_offer_records *to)
{
	struct nd_name_buf buf;
	struct nd_name owner = nd_tree_owner(tree_of(at), node, &buf);
	struct nd_tree_set set;
	const uint8_t *p = NULL;

	for (uint32_t i = 0; nd_tree_next_set(node, &p, &set); i++) {
		if (i < at->part || (apex && set.type == ND_TYPE_SOA))
			continue;
		at->part = i;
		if (!put_set(at, owner, set, to))
			return false;
		at->part = i + 1;
	}
	at->part = 0;
	return true;
}

bool nd_zonexfr_walk(const void *self, struct nd_query *q, struct nd_name zone,
		     struct nd_offer_cursor *at, const struct nd_offer_records *to)
{
	const struct nd_tree *t = tree_of(at);

	(void)self;
	(void)q;
	(void)zone;
	for (unsigned n = 0; n < NODES && at->at <= t->n; n++) {
		struct nd_tree_node node = at->at ? nd_tree_at(t, (uint32_t)at->at - 1)
						  : nd_tree_apex(t);
		if (!put_node(at, &node, at->at == 0, to))
			return true;
		at->at++;
	}
	return at->at <= t->n;
}
