/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - the records of a zone, immutable, made for answering.
 *
 *	blob    a node per owner name, in canonical order; then nodes of empty non-terminals
 *	order   the offsets of nodes with records, in canonical order
 *	slots   a hash table of all nodes: open addressing, an byte of the hash beside each offset
 *
 * The records of the apex that CoreDNS keeps apart (SOA, NS and their signatures) have a node of
 * their own, which is in neither table: they are not found by name. Names outside of the zone are
 * kept, as CoreDNS does, in an order of their own after those of the zone.
 *
 * The hash is keyed, since a primary may be hostile.
 *
 * Owns:    heap arrays, and their bytes in the memory budget (ND_BUDGET_ZONES). Counted: the last
 *          unref frees it.
 * Threads: any, reading.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/siphash.h"
#include "wire/name.h"

enum nd_tree_flag {
	ND_TREE_EMPTY = 1,   /* an empty non-terminal */
	ND_TREE_CUT = 2,     /* has NS below the apex */
	ND_TREE_DNAME = 4,   /* has DNAME */
	ND_TREE_COVERED = 8, /* is a cut, or below a cut or a DNAME */
	ND_TREE_OUTSIDE = 16 /* outside of the zone */
};

struct nd_tree {
	struct nd_name origin; /* lower case; views origin_buf */
	struct nd_name_buf origin_buf;
	uint8_t *blob;
	uint32_t *order;
	uint32_t n;    /* nodes with records */
	uint32_t n_in; /* those of the zone, which come first */
	uint8_t *tags;
	uint32_t *slots; /* offset + 1; 0: free */
	uint32_t nslots;
	uint32_t apex; /* offset of its node */
	struct nd_siphash_key key;
	uint32_t serial;
	size_t records; /* in all */
	size_t charged; /* bytes of the budget */
	_Atomic uint32_t refs;
};

/* A node; at NULL: none. */
struct nd_tree_node {
	const uint8_t *at;
	const uint8_t *labels; /* the name below the origin, or the whole name without its root */
	const uint8_t *sets;   /* NULL: an empty non-terminal */
	uint8_t n;             /* bytes of labels */
	uint8_t flags;         /* enum nd_tree_flag */
};

/* The records of one type of a node, in the order in which they were added. */
struct nd_tree_set {
	uint16_t type;
	const uint8_t *next, *end; /* equal: there is none (left) */
};

struct nd_tree_rr {
	uint32_t ttl;
	uint16_t n;
	const uint8_t *rdata; /* names uncompressed */
};

void nd_tree_ref(struct nd_tree *t);
void nd_tree_unref(struct nd_tree *t); /* accepts NULL */

/* The node of a lower-case name. False: no record has this name or one below it. */
bool nd_tree_find(const struct nd_tree *t, struct nd_name lower, struct nd_tree_node *out);
/* The same for a name of the zone, by its n bytes of labels below the origin. */
bool nd_tree_find_below(const struct nd_tree *t, const uint8_t *labels, size_t n,
			struct nd_tree_node *out);
struct nd_tree_node nd_tree_apex(const struct nd_tree *t);
/* Node i < t->n in canonical order. */
struct nd_tree_node nd_tree_at(const struct nd_tree *t, uint32_t i);
/* The last node of the zone that is not after this name of the zone (tree.Prev of CoreDNS). */
bool nd_tree_floor(const struct nd_tree *t, const uint8_t *labels, size_t n,
		   struct nd_tree_node *out);
/* Its name, in buf. */
struct nd_name nd_tree_owner(const struct nd_tree *t, const struct nd_tree_node *node,
			     struct nd_name_buf *buf);

/* The records of a type. */
struct nd_tree_set nd_tree_set(const struct nd_tree_node *node, uint16_t type);
/* Iterates over the sets of a node, by type: at starts as NULL. */
bool nd_tree_next_set(const struct nd_tree_node *node, const uint8_t **at, struct nd_tree_set *out);
bool nd_tree_next(struct nd_tree_set *s, struct nd_tree_rr *out);

static inline bool nd_tree_has(const struct nd_tree_set *s)
{
	return s->next != s->end;
}
