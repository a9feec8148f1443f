/* SPDX-License-Identifier: Apache-2.0 */
/* ktable.h - a hash table of nodes by (parent, name) that one thread changes while others read.
 *
 * Open addressing; a slot goes from empty to a node to deleted, and is used again only in a new
 * array, so a reader that walks an array that is being changed ends at an empty slot all the same.
 * Owns:    its array; the nodes are the user's, who retires them after nd_ktable_del.
 * Threads: find under the RCU read lock by any; the rest by the control thread.
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
	uint8_t mark; /* relist that named it last */
};

struct nd_kslots {
	uint32_t mask;
	struct nd_knode *slot[];
};

struct nd_ktable {
	struct nd_kslots *now; /* NULL: empty */
	struct nd_kmemory *memory;
	uint32_t used; /* slots not empty: nodes and deleted ones */
	uint32_t live;
};

static inline uint32_t nd_ktable_hash(const struct nd_siphash_key *key, const void *parent,
				      const void *name, size_t n)
{
	return (uint32_t)nd_siphash(key, (uintptr_t)parent, name, n);
}

struct nd_knode *nd_ktable_find(const struct nd_ktable *t, uint32_t hash, const void *parent,
				const void *name, size_t n);
/* The next node with this hash: s from nd_rcu_get(t->now), *at from the hash; NULL at the end. For
 * those who compare keys themselves. */
struct nd_knode *nd_ktable_next_like(const struct nd_kslots *s, uint32_t hash, uint32_t *at);
/* The node's parent, name, len and hash are set; it is not in the table. 0 or -ENOMEM. */
int nd_ktable_add(struct nd_ktable *t, struct nd_knode *node);
void nd_ktable_del(struct nd_ktable *t, struct nd_knode *node);
/* Puts a node in the place of one with the same key. */
void nd_ktable_replace(struct nd_ktable *t, struct nd_knode *old, struct nd_knode *node);
/* Control thread: the nodes one after another, *at from 0; NULL at the end. The one returned may be
 * deleted. */
struct nd_knode *nd_ktable_next(const struct nd_ktable *t, uint32_t *at);
/* Any thread, under the RCU read lock: some nodes, by a cursor that begins at 0 and comes back to
 * it at the end. A node that is there all the time is visited once at least (and once more,
 * perhaps, while the table grows); what of others is seen is by chance. Each call visits the nodes
 * of one hash, so a few at most. */
uint32_t nd_ktable_scan(const struct nd_ktable *t, uint32_t cursor,
			void (*visit)(void *ctx, const struct nd_knode *node), void *ctx);
/* No reader is left. */
void nd_ktable_clear(struct nd_ktable *t);
