/* SPDX-License-Identifier: Apache-2.0 */
/* ktable.h - a hash table of nodes by (parent, name); one thread writes while others read.
 *
 * Open addressing. A slot goes from empty to a node to deleted and is reused only in a new array,
 * so a reader that probes an array under change still ends at an empty slot.
 *
 * Owns:    its array. The nodes are the caller's, which retires them after nd_ktable_del.
 * Threads: nd_ktable_find, _next_like and _scan by any thread under the RCU read lock; the rest by
 *          the control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/siphash.h"
#include "plugin/kubernetes/kmemory.h"

struct nd_knode {
	void *parent;     /* NULL at the top */
	const char *name; /* len bytes */
	uint32_t hash;
	uint8_t len;
	uint8_t mark; /* epoch of the last list that contained it */
};

struct nd_kslots {
	uint32_t mask;
	struct nd_knode *_Atomic slot[];
};

struct nd_ktable {
	struct nd_kslots *_Atomic now; /* NULL: empty */
	struct nd_kmemory *memory;
	uint32_t used; /* nodes and deleted slots */
	uint32_t live;
};

static inline uint32_t nd_ktable_hash(const struct nd_siphash_key *key, const void *parent,
				      const void *name, size_t n)
{
	return (uint32_t)nd_siphash(key, (uintptr_t)parent, name, n);
}

struct nd_knode *nd_ktable_find(const struct nd_ktable *t, uint32_t hash, const void *parent,
				const void *name, size_t n);
/* The next node with this hash, or NULL; s from nd_rcu_get(t->now), *at starts at the hash. For
 * callers that compare keys themselves. */
struct nd_knode *nd_ktable_next_like(const struct nd_kslots *s, uint32_t hash, uint32_t *at);
/* Adds a node that is not in the table, with parent, name, len and hash set. 0 or -ENOMEM. */
int nd_ktable_add(struct nd_ktable *t, struct nd_knode *node);
void nd_ktable_del(struct nd_ktable *t, struct nd_knode *node);
/* Replaces a node by one with the same key. */
void nd_ktable_replace(struct nd_ktable *t, struct nd_knode *old, struct nd_knode *node);
/* Control thread: the next node, or NULL; *at starts at 0. The node returned may be deleted. */
struct nd_knode *nd_ktable_next(const struct nd_ktable *t, uint32_t *at);
/* Any thread, under the RCU read lock: visits some nodes, by a cursor that starts at 0 and returns
 * to 0 at the end. A node that is in the table from start to end is visited at least once, and
 * perhaps twice while the table grows; others may be missed. Each call visits the few nodes of one
 * home position. */
uint32_t nd_ktable_scan(const struct nd_ktable *t, uint32_t cursor,
			void (*visit)(void *ctx, const struct nd_knode *node), void *ctx);
/* No reader may be left. */
void nd_ktable_clear(struct nd_ktable *t);
