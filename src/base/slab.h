/* SPDX-License-Identifier: Apache-2.0 */
/* slab.h - objects of one size in mapped chunks, which go back to the system once they are empty.
 *
 * A flood of small objects from malloc leaves the heap full of holes. A chunk whose objects have
 * all been given back is unmapped, except the last one.
 *
 * Owns:    the chunks. Each is taken from the memory budget before it is mapped.
 * Errors:  NULL: the budget or the system refuses.
 * Threads: one at a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/budget.h"
#include "base/list.h"

enum { ND_SLAB_CHUNK = 64 * 1024 };

struct nd_slab {
	enum nd_budget_part part;
	uint32_t object_bytes;
	uint32_t per_chunk;
	uint32_t nchunks;
	struct nd_list chunks; /* all; those without room at the end */
};

/* object_bytes: at most a quarter of a chunk. */
void nd_slab_init(struct nd_slab *s, size_t object_bytes, enum nd_budget_part part);
/* Not cleared. Aligned for any type. */
void *nd_slab_take(struct nd_slab *s);
/* Accepts NULL. */
void nd_slab_give(struct nd_slab *s, void *object);
/* No object may be out. */
void nd_slab_clear(struct nd_slab *s);
