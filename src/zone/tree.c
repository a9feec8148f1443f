/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/tree.h"

#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "zone/canon.h"
#include "zone/tree_parts.h"

void nd_tree_ref(struct nd_tree *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
}

void nd_tree_unref(struct nd_tree *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	nd_budget_give(ND_BUDGET_ZONES, t->charged);
	free(t->blob);
	free(t->order);
	free(t->tags);
	free(t->slots);
	free(t);
}

static uint32_t read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static uint16_t read16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static struct nd_tree_node node_at(const struct nd_tree *t, uint32_t offset)
{
	const uint8_t *at = t->blob + offset;
	struct nd_tree_node node = { .at = at, .flags = at[0], .n = at[1] };

	if (node.flags & ND_TREE_EMPTY) {
		node.labels = t->blob + read32(at + ND_TREE_HEAD);
	} else {
		node.labels = at + ND_TREE_HEAD;
		node.sets = node.labels + node.n;
	}
	return node;
}

uint64_t nd_tree_hash(const struct nd_siphash_key *key, bool outside, const uint8_t *labels,
		      size_t n)
{
	return nd_siphash(key, outside, labels, n);
}

static bool find(const struct nd_tree *t, bool outside, const uint8_t *labels, size_t n,
		 struct nd_tree_node *out)
{
	uint64_t h = nd_tree_hash(&t->key, outside, labels, n);
	uint32_t i = nd_tree_slot(h, t->nslots);
	uint8_t tag = nd_tree_tag(h);

	for (; t->tags[i]; i = i + 1 == t->nslots ? 0 : i + 1) {
		if (t->tags[i] != tag)
			continue;
		struct nd_tree_node node = node_at(t, t->slots[i]);
		if (node.n == n && !(node.flags & ND_TREE_OUTSIDE) == !outside &&
		    memcmp(node.labels, labels, n) == 0) {
			*out = node;
			return true;
		}
	}
	return false;
}

bool nd_tree_find_below(const struct nd_tree *t, const uint8_t *labels, size_t n,
			struct nd_tree_node *out)
{
	return find(t, false, labels, n, out);
}

bool nd_tree_find(const struct nd_tree *t, struct nd_name lower, struct nd_tree_node *out)
{
	if (nd_name_under_lower(lower, t->origin))
		return find(t, false, lower.wire, (size_t)lower.len - t->origin.len, out);
	return find(t, true, lower.wire, lower.len - 1u, out);
}

struct nd_tree_node nd_tree_apex(const struct nd_tree *t)
{
	return node_at(t, t->apex);
}

struct nd_tree_node nd_tree_at(const struct nd_tree *t, uint32_t i)
{
	return node_at(t, t->order[i]);
}

bool nd_tree_floor(const struct nd_tree *t, const uint8_t *labels, size_t n,
		   struct nd_tree_node *out)
{
	uint32_t low = 0, high = t->n_in; /* nodes before low are not after the name */

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		struct nd_tree_node node = node_at(t, t->order[mid]);
		if (nd_canon_compare(node.labels, node.n, labels, n) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return false;
	*out = node_at(t, t->order[low - 1]);
	return true;
}

struct nd_name nd_tree_owner(const struct nd_tree *t, const struct nd_tree_node *node,
			     struct nd_name_buf *buf)
{
	struct nd_name tail = node->flags & ND_TREE_OUTSIDE ? nd_name_root : t->origin;

	memcpy(buf->bytes, node->labels, node->n);
	memcpy(buf->bytes + node->n, tail.wire, tail.len);
	return (struct nd_name){ .wire = buf->bytes,
				 .len = (uint8_t)(node->n + tail.len),
				 .labels = (uint8_t)(nd_canon_labels(node->labels, node->n) +
						     tail.labels) };
}

bool nd_tree_next_set(const struct nd_tree_node *node, const uint8_t **at, struct nd_tree_set *out)
{
	const uint8_t *p = *at;

	if (!node->sets)
		return false;
	if (!p) {
		p = node->sets;
	} else {
		uint32_t size = read32(p + 2);
		if (size & ND_TREE_LAST)
			return false;
		p += ND_TREE_SET_HEAD + size;
	}
	*at = p;
	out->type = read16(p);
	out->next = p + ND_TREE_SET_HEAD;
	out->end = out->next + (read32(p + 2) & ~ND_TREE_LAST);
	return true;
}

struct nd_tree_set nd_tree_set(const struct nd_tree_node *node, uint16_t type)
{
	struct nd_tree_set set;
	const uint8_t *at = NULL;

	while (nd_tree_next_set(node, &at, &set))
		if (set.type == type)
			return set;
	return (struct nd_tree_set){ .type = type };
}

bool nd_tree_next(struct nd_tree_set *s, struct nd_tree_rr *out)
{
	const uint8_t *p = s->next;

	if (p == s->end)
		return false;
	out->ttl = read32(p);
	out->n = read16(p + 4);
	out->rdata = p + ND_TREE_RR_HEAD;
	s->next = out->rdata + out->n;
	return true;
}
