/* SPDX-License-Identifier: Apache-2.0 */
/* flight.h - queries in flight on one socket or connection, looked up by message id.
 *
 * Owns:    nothing. A flight is embedded in its sender, which removes it before it is freed.
 * Bounds:  ND_FLIGHTS_MAX per table, so that an unused id is found quickly.
 * Threads: one worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"

enum {
	ND_FLIGHTS_MAX = 16384,
	/* The most recent ids are not reused: a late or duplicate reply to an earlier query must
	 * not match a later one. A UDP socket sends no more queries than this. */
	ND_FLIGHTS_PAST = 64,
};

struct nd_flights {
	struct nd_list *bucket; /* the owner's; nbuckets of them, a power of two */
	uint32_t nbuckets;
	uint32_t n;
	uint32_t given; /* ids assigned so far; the most recent are in past[] */
	uint16_t past[ND_FLIGHTS_PAST];
};

struct nd_flight {
	struct nd_list link;
	struct nd_flights *table; /* NULL: not in a table */
	uint16_t id;
};

void nd_flights_init(struct nd_flights *t, struct nd_list *bucket, uint32_t nbuckets);
/* Assigns a random id that is unique in the table. False when the table is full. */
bool nd_flights_add(struct nd_flights *t, struct nd_flight *f);
/* NULL: no query with this id is in flight. */
struct nd_flight *nd_flights_find(const struct nd_flights *t, uint16_t id);
/* The id is one of the ND_FLIGHTS_PAST most recent ones. */
bool nd_flights_is_recent(const struct nd_flights *t, uint16_t id);
/* Removes f from its table. No effect if it is in none. */
void nd_flights_del(struct nd_flight *f);
