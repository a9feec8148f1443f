/* SPDX-License-Identifier: Apache-2.0 */
/* kreverse.h - from an address to those who hold it: 8 octets a cell, at most three quarters full.
 *
 * A cell is (tag, id): tag is the address's hash, id the owner's number. Owners with the tag are
 * candidates; the reader looks into what the owner holds now, so a cell that is out of date, or a
 * tag that two addresses share, does no harm. Owns:    its arrays; owners are the user's, who
 * retires one after nd_kreverse_leave. Threads: iteration under the RCU read lock by any; the rest
 * by the control thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "plugin/kubernetes/kmemory.h"

struct nd_kcells {
	uint32_t mask;
	uint64_t cell[]; /* tag << 32 | id; 0 empty */
};

struct nd_kowners {
	uint32_t cap;
	void *at[]; /* by id; 0 is none. Of a number given back: the next such one, times 2, plus 1 */
};

struct nd_kreverse {
	struct nd_kcells *cells;
	struct nd_kowners *owners;
	struct nd_kmemory *memory;
	uint32_t used, live;       /* cells not empty; in use */
	uint32_t free_id, last_id; /* first of the numbers given back, 0: none; highest given out */
};

/* A number for an owner. 0 or -ENOMEM. */
int nd_kreverse_enter(struct nd_kreverse *r, void *owner, uint32_t *id);
/* The number of an owner that has a cell with this tag; 0: it has none. */
uint32_t nd_kreverse_id(const struct nd_kreverse *r, uint32_t tag, const void *owner);
/* Its cells are gone already. */
void nd_kreverse_leave(struct nd_kreverse *r, uint32_t id);
/* All or none: what next has and old has not comes; 0 or -ENOMEM. Both ascending, without repeats. */
int nd_kreverse_add(struct nd_kreverse *r, uint32_t id, const uint32_t *old, size_t nold,
		    const uint32_t *next, size_t nnext);
/* What old has and next has not goes. */
void nd_kreverse_del(struct nd_kreverse *r, uint32_t id, const uint32_t *old, size_t nold,
		     const uint32_t *next, size_t nnext);

/* The cell goes if there is one; never fails. */
void nd_kreverse_forget(struct nd_kreverse *r, uint32_t id, uint32_t tag);

struct nd_kreverse_iter {
	const struct nd_kcells *cells;
	const struct nd_kreverse *table;
	uint32_t tag, at;
};
struct nd_kreverse_iter nd_kreverse_find(const struct nd_kreverse *r, uint32_t tag);
/* The next candidate, each once; NULL at the end. */
void *nd_kreverse_next(struct nd_kreverse_iter *it);
/* No reader is left. */
void nd_kreverse_clear(struct nd_kreverse *r);
