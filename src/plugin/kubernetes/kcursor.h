/* SPDX-License-Identifier: Apache-2.0 */
/* kcursor.h - a walk over all names that may stop anywhere, also among the endpoints of one name,
 * and continues later while the index changes.
 *
 * A name, slice or endpoint that remains is visited at least once, and perhaps twice while others
 * are added or removed.
 *
 * Owns:    nothing; the position is the caller's struct nd_offer_cursor.
 * Threads: workers; each walk under the RCU read lock, which may be released between two walks.
 */
#pragma once

#include "core/offer.h"
#include "plugin/kubernetes/kindex.h"

struct nd_kcursor {
	struct nd_offer_cursor *at;
	/* Visits a name. It starts where nd_kcursor_resume() says, and returns once
	 * nd_kcursor_stops() is true. */
	void (*visit)(void *ctx, struct nd_kcursor *c, const struct nd_kname *of);
	/* The walk is to stop here. NULL: never. */
	bool (*full)(void *ctx);
	void *visit_ctx, *full_ctx;
	bool stopped, seeking; /* of one walk */
};

/* Visits some names. False: those were the last. */
bool nd_kcursor_walk(struct nd_kcursor *c, const struct nd_ktable *names);

/* A place among the parts of a name: in a group the index of the slice and of its endpoint. */
struct nd_kcursor_place {
	uint32_t part, item;
};

/* Where the visit of this name starts: at 0, or after the last item before it stopped. part_of:
 * the part with this index, NULL: there is none; compared with the one that it stopped in. c may be
 * NULL: at 0. */
struct nd_kcursor_place nd_kcursor_resume(struct nd_kcursor *c, uint32_t nparts, const void *parts,
					  const void *(*part_of)(const void *parts, uint32_t i));
/* After each item: true if the walk stops here. next: the place to continue at, in this part. c may
 * be NULL: false. */
bool nd_kcursor_stops(struct nd_kcursor *c, const struct nd_kname *of, const void *part,
		      struct nd_kcursor_place next);
