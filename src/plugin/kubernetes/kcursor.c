/* SPDX-License-Identifier: Apache-2.0 */
/* The position of a stopped walk is the table's cursor, the name by its hash, the part by its index
 * and address, and the item by its index in the part. A part never changes: a slice that is updated
 * has a new address. */
#include "plugin/kubernetes/kcursor.h"

#include "plugin/kubernetes/ktable.h"

/* A name whose parts keep changing is visited from its start so often; then from the same index on,
 * so that the walk ends. */
enum { RESTARTS_MAX = 4 };

static void on_node(void *ctx, const struct nd_knode *node)
{
	struct nd_kcursor *c = ctx;

	if (c->stopped)
		return;
	if (c->seeking) { /* the names before it are done */
		if (node->hash != c->at->object)
			return;
		c->seeking = false;
	}
	c->visit(c->visit_ctx, c, (const struct nd_kname *)node);
	if (!c->stopped) {
		c->at->inside = false;
		c->at->restarts = 0;
	}
}

bool nd_kcursor_walk(struct nd_kcursor *c, const struct nd_ktable *names)
{
	uint32_t cursor = (uint32_t)c->at->at, next;

	c->stopped = false;
	c->seeking = c->at->inside;
	next = nd_ktable_scan(names, cursor, on_node, c);
	if (c->seeking) { /* the name was removed, or moved when the table grew */
		c->seeking = c->at->inside = false;
		next = nd_ktable_scan(names, cursor, on_node, c);
	}
	if (c->stopped)
		return true;
	c->at->at = next;
	return next != 0;
}

struct nd_kcursor_place nd_kcursor_resume(struct nd_kcursor *c, uint32_t nparts, const void *parts,
					  const void *(*part_of)(const void *parts, uint32_t i))
{
	struct nd_kcursor_place start = { 0 };
	struct nd_offer_cursor *at = c ? c->at : NULL;

	if (!at || !at->inside)
		return start;
	if (at->part < nparts && (uintptr_t)part_of(parts, at->part) == at->stamp)
		return (struct nd_kcursor_place){ at->part, at->item };
	for (uint32_t i = 0; i < nparts; i++)
		if ((uintptr_t)part_of(parts, i) == at->stamp)
			return (struct nd_kcursor_place){ i, at->item };
	if (at->restarts++ >= RESTARTS_MAX)
		start.part = at->part;
	return start;
}

bool nd_kcursor_stops(struct nd_kcursor *c, const struct nd_kname *of, const void *part,
		      struct nd_kcursor_place next)
{
	if (!c || !c->full || !c->full(c->full_ctx))
		return false;
	c->stopped = true;
	c->at->inside = true;
	c->at->object = of->node.hash;
	c->at->part = next.part;
	c->at->item = next.item;
	c->at->stamp = (uintptr_t)part;
	return true;
}
