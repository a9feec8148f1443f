/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/ktable.h"

#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "base/rcu.h"

enum { SLOTS_MIN = 16 };

static struct nd_knode deleted; /* in the slots of removed nodes */

struct nd_knode *nd_ktable_next_like(const struct nd_kslots *s, uint32_t hash, uint32_t *at)
{
	struct nd_knode *node;

	while (s && (node = nd_rcu_get(s->slot[*at & s->mask]))) {
		++*at;
		if (node->hash == hash && node != &deleted)
			return node;
	}
	return NULL;
}

struct nd_knode *nd_ktable_find(const struct nd_ktable *t, uint32_t hash, const void *parent,
				const void *name, size_t n)
{
	const struct nd_kslots *s = nd_rcu_get(t->now);
	struct nd_knode *node;
	uint32_t at = hash;

	while ((node = nd_ktable_next_like(s, hash, &at)))
		if (node->parent == parent && node->len == n && memcmp(node->name, name, n) == 0)
			return node;
	return NULL;
}

static void put(struct nd_kslots *s, struct nd_knode *node)
{
	uint32_t i = node->hash & s->mask;

	while (s->slot[i])
		i = (i + 1) & s->mask;
	nd_rcu_publish(s->slot[i], node);
}

/* Copies the nodes to a new array that is at most half full. */
static int rebuild(struct nd_ktable *t)
{
	uint32_t size = SLOTS_MIN, at = 0;
	struct nd_knode *node;

	while (size / 2 <= t->live)
		size *= 2;
	struct nd_kslots *s = nd_kmemory_new(t->memory, sizeof *s + size * sizeof *s->slot);
	if (!s)
		return -ENOMEM;
	s->mask = size - 1;
	while ((node = nd_ktable_next(t, &at)))
		put(s, node);
	struct nd_kslots *old = t->now;
	nd_rcu_publish(t->now, s);
	t->used = t->live;
	nd_kmemory_retire(t->memory, old);
	return 0;
}

int nd_ktable_add(struct nd_ktable *t, struct nd_knode *node)
{
	/* At most three quarters full: every probe ends at an empty slot. */
	if (!t->now || t->used + 1 > (t->now->mask + 1) / 4 * 3) {
		int err = rebuild(t);
		if (err)
			return err;
	}
	put(t->now, node);
	t->used++;
	t->live++;
	return 0;
}

static uint32_t slot_of(const struct nd_ktable *t, const struct nd_knode *node)
{
	uint32_t i = node->hash & t->now->mask;

	while (t->now->slot[i] != node) {
		ND_ASSERT(t->now->slot[i]);
		i = (i + 1) & t->now->mask;
	}
	return i;
}

void nd_ktable_del(struct nd_ktable *t, struct nd_knode *node)
{
	nd_rcu_publish(t->now->slot[slot_of(t, node)], &deleted);
	t->live--;
}

void nd_ktable_replace(struct nd_ktable *t, struct nd_knode *old, struct nd_knode *node)
{
	nd_rcu_publish(t->now->slot[slot_of(t, old)], node);
}

struct nd_knode *nd_ktable_next(const struct nd_ktable *t, uint32_t *at)
{
	while (t->now && *at <= t->now->mask) {
		struct nd_knode *node = t->now->slot[(*at)++];
		if (node && node != &deleted)
			return node;
	}
	return NULL;
}

static uint32_t reversed(uint32_t v)
{
	v = (v >> 1 & 0x55555555u) | (v & 0x55555555u) << 1;
	v = (v >> 2 & 0x33333333u) | (v & 0x33333333u) << 2;
	v = (v >> 4 & 0x0f0f0f0fu) | (v & 0x0f0f0f0fu) << 4;
	return __builtin_bswap32(v);
}

/* The cursor counts from the mask's highest bit down. When the table doubles, a visited position
 * becomes two, both already passed (as in Redis's SCAN). A node is between its home position and
 * the next empty slot. */
uint32_t nd_ktable_scan(const struct nd_ktable *t, uint32_t cursor,
			void (*visit)(void *ctx, const struct nd_knode *node), void *ctx)
{
	const struct nd_kslots *s = nd_rcu_get(t->now);

	if (!s)
		return 0;
	uint32_t home = cursor & s->mask;
	for (uint32_t i = home;; i = (i + 1) & s->mask) {
		const struct nd_knode *node = nd_rcu_get(s->slot[i]);
		if (!node)
			break;
		if (node != &deleted && (node->hash & s->mask) == home)
			visit(ctx, node);
	}
	return reversed(reversed(cursor | ~s->mask) + 1);
}

void nd_ktable_clear(struct nd_ktable *t)
{
	nd_kmemory_free(t->memory, t->now);
	t->now = NULL;
	t->used = t->live = 0;
}
