/* SPDX-License-Identifier: Apache-2.0 */
/* flight.h - questions under way on one socket or connection, found again by their id.
 *
 * Owns:    nothing. A flight is embedded in who sent it, who takes it out before it goes.
 * Bounds:  ND_FLIGHTS_MAX on one table, so that an unused id is found quickly.
 * Threads: one worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"

enum {
	ND_FLIGHTS_BUCKETS = 16,
	ND_FLIGHTS_MAX = 16384,
	/* Ids given last are not given again: a late or doubled reply to an earlier question must
	 * not meet a later one. As many as a UDP socket is used for. */
	ND_FLIGHTS_PAST = 64,
};

struct nd_flights {
	struct nd_list bucket[ND_FLIGHTS_BUCKETS];
	uint32_t n;
	uint32_t given; /* ids so far; the last of them in past[] */
	uint16_t past[ND_FLIGHTS_PAST];
};

struct nd_flight {
	struct nd_list link;
	struct nd_flights *table; /* NULL: in none */
	uint16_t id;
};

void nd_flights_init(struct nd_flights *t);
/* Gives it a random id that no other flight of the table has. False when the table is full. */
bool nd_flights_add(struct nd_flights *t, struct nd_flight *f);
/* NULL: no such id under way. */
struct nd_flight *nd_flights_find(const struct nd_flights *t, uint16_t id);
/* Does nothing when it is in no table; also takes it out of a list got from nd_flights_move(). */
void nd_flights_del(struct nd_flight *f);
/* Moves all to the list `to` (initialised here), none of them in a table any more. */
void nd_flights_move(struct nd_flights *t, struct nd_list *to);
