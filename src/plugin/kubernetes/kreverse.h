/* SPDX-License-Identifier: Apache-2.0 */
/* kreverse.h - from an address to its owners: 8 bytes per cell, at most three quarters full.
 *
 * A cell is (tag, id): tag is a hash of the address, id the owner's number. Owners found by a tag
 * are candidates: the reader checks their current addresses, so stale cells and tags shared by two
 * addresses do no harm.
 *
 * Owns:    its arrays. Owners are the caller's, which retires one after nd_kreverse_leave.
 * Threads: iteration by any thread under the RCU read lock; the rest by the control thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "plugin/kubernetes/kmemory.h"

enum {
	/* Owners of one address. Any author of slices can add more; each would be walked over for
	 * each other one, and by each query. The later ones are not found by that address. */
	ND_KREVERSE_SAME_MAX = 1024,
};

struct nd_kcells {
	uint32_t mask;
	_Atomic uint64_t cell[]; /* tag << 32 | id; 0: empty */
};

struct nd_kowners {
	uint32_t cap;
	void *_Atomic at[]; /* by id, from 1; a free id has 2 * (the next free id) + 1 */
};

struct nd_kreverse {
	struct nd_kcells *_Atomic cells;
	struct nd_kowners *_Atomic owners;
	struct nd_kmemory *memory;
	uint32_t used, live;       /* cells not empty; cells in use */
	uint32_t free_id, last_id; /* first free id, 0: none; highest id ever assigned */
};

/* Assigns an id to an owner. 0 or -ENOMEM. */
int nd_kreverse_enter(struct nd_kreverse *r, void *owner, uint32_t *id);
/* The id of an owner with a cell for this tag, or 0. */
uint32_t nd_kreverse_id(const struct nd_kreverse *r, uint32_t tag, const void *owner);
/* Frees the id. Its cells must already be deleted. */
void nd_kreverse_leave(struct nd_kreverse *r, uint32_t id);
/* Adds cells for the tags in next that are not in old: all, or none and -ENOMEM. Both ascending,
 * without duplicates. */
int nd_kreverse_add(struct nd_kreverse *r, uint32_t id, const uint32_t *old, size_t nold,
		    const uint32_t *next, size_t nnext);
/* Deletes the cells of the tags in old that are not in next. */
void nd_kreverse_del(struct nd_kreverse *r, uint32_t id, const uint32_t *old, size_t nold,
		     const uint32_t *next, size_t nnext);

/* Deletes the cell if it exists. Never fails. */
void nd_kreverse_forget(struct nd_kreverse *r, uint32_t id, uint32_t tag);

struct nd_kreverse_iter {
	const struct nd_kcells *cells;
	const struct nd_kreverse *table;
	uint32_t tag, at;
};
struct nd_kreverse_iter nd_kreverse_find(const struct nd_kreverse *r, uint32_t tag);
/* The next candidate, or NULL. An owner is returned once. */
void *nd_kreverse_next(struct nd_kreverse_iter *it);
/* No reader may be left. */
void nd_kreverse_clear(struct nd_kreverse *r);
