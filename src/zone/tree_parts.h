/* SPDX-License-Identifier: Apache-2.0 */
/* tree_parts.h - the layout of a tree's nodes, for the tree*.c files only.
 *
 *	node   flags (1), bytes of the name (1), the name; then its sets. An empty non-terminal has
 *	       instead of the name the offset (4) of a name that ends with it, and no sets.
 *	set    type (2), bytes of its records (4; ND_TREE_LAST: the node's last), the records
 *	record TTL (4), bytes of the rdata (2), the rdata
 */
#pragma once

#include "zone/tree.h"

enum { ND_TREE_HEAD = 2, ND_TREE_EMPTY_BYTES = 6, ND_TREE_SET_HEAD = 6, ND_TREE_RR_HEAD = 6 };

#define ND_TREE_LAST (1u << 31)

uint64_t nd_tree_hash(const struct nd_siphash_key *key, bool outside, const uint8_t *labels,
		      size_t n);

static inline uint32_t nd_tree_slot(uint64_t hash, uint32_t nslots)
{
	return (uint32_t)((hash >> 32) * nslots >> 32);
}

static inline uint8_t nd_tree_tag(uint64_t hash) /* never 0, a free slot */
{
	return (uint8_t)(hash | 1);
}
