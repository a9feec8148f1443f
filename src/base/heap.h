/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h - a pairing heap of embedded nodes, smallest key first, equal keys in insertion order
 * (which makes runs with a virtual clock reproducible).
 *
 * Owns:    nothing; a linked node must outlive its place in the heap.
 * Threads: one at a time.
 * Cost:    insert O(1), delete O(log n) amortised, no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nd_heap_node {
	struct nd_heap_node *child, *next;
	struct nd_heap_node *prev; /* left sibling, or the parent of a first child */
	uint64_t key, seq;
	bool linked;
};

struct nd_heap {
	struct nd_heap_node *root;
	uint64_t seq; /* of the next insertion */
};

void nd_heap_add(struct nd_heap *h, struct nd_heap_node *node, uint64_t key);
/* Does nothing if the node is not linked. */
void nd_heap_del(struct nd_heap *h, struct nd_heap_node *node);

/* The node with the smallest key; it remains linked. NULL if empty. */
static inline struct nd_heap_node *nd_heap_first(const struct nd_heap *h)
{
	return h->root;
}
