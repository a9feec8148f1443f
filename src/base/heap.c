/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "base/err.h"

static bool before(const struct nd_heap_node *a, const struct nd_heap_node *b)
{
	return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

/* Both are roots (no sibling, no parent), or NULL. */
static struct nd_heap_node *meld(struct nd_heap_node *a, struct nd_heap_node *b)
{
	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		struct nd_heap_node *t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Melds a list of siblings into one root: pairs from the left, then the pairs from the right. */
static struct nd_heap_node *meld_siblings(struct nd_heap_node *first)
{
	struct nd_heap_node *pairs = NULL, *root = NULL;

	while (first) {
		struct nd_heap_node *a = first, *b = first->next;
		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct nd_heap_node *a = pairs;
		pairs = a->next;
		a->next = NULL;
		root = meld(root, a);
	}
	return root;
}

void nd_heap_add(struct nd_heap *h, struct nd_heap_node *node, uint64_t key)
{
	ND_ASSERT(!node->linked);
	*node = (struct nd_heap_node){ .key = key, .seq = h->seq++, .linked = true };
	h->root = meld(h->root, node);
}

void nd_heap_del(struct nd_heap *h, struct nd_heap_node *node)
{
	if (!node->linked)
		return;
	struct nd_heap_node *rest = meld_siblings(node->child);
	if (node == h->root) {
		h->root = rest;
	} else {
		if (node->prev->child == node)
			node->prev->child = node->next;
		else
			node->prev->next = node->next;
		if (node->next)
			node->next->prev = node->prev;
		h->root = meld(h->root, rest);
	}
	*node = (struct nd_heap_node){ 0 };
}
