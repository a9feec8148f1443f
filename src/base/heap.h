/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h - a pairing heap of embedded nodes, smallest key first, equal keys in the order
 * of their insertion (so that a run with virtual time is always the same run).
 *
 * Owns: nothing. Insert O(1), pop and delete O(log n) amortised, no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nd_heap_node {
	struct nd_heap_node *child, *next,
		*prev; /* prev: left sibling, or parent of a first child */
	uint64_t key, seq;
	bool linked;
};

struct nd_heap {
	struct nd_heap_node *root;
	uint64_t seq; /* of the next insertion */
};

void nd_heap_add(struct nd_heap *h, struct nd_heap_node *node, uint64_t key);
/* Does nothing when the node is not linked. */
void nd_heap_del(struct nd_heap *h, struct nd_heap_node *node);

/* The smallest, still linked; NULL when empty. */
static inline struct nd_heap_node *nd_heap_first(const struct nd_heap *h)
{
	return h->root;
}
