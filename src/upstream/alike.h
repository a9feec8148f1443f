/* SPDX-License-Identifier: Apache-2.0 */
/* alike.h - the turn of exchanges with the same name, type, class and upstreams.
 *
 * Made when the first one has to wait; all of that name, in flight or waiting, then point to it.
 * Clients take turns: the variants of one client delay only those of another by one each.
 *
 * Owns:    nothing; freed with its last member.
 * Threads: the worker's. Included by exchange.c only.
 */
#pragma once

#include "upstream/attempt.h"

struct nd_alike {
	uint32_t members; /* exchanges that point here */
	uint32_t nwaiting;
	uint32_t turn; /* the queue served last */
	uint32_t n[ND_EXCHANGE_QUEUES];
	struct nd_list queue[ND_EXCHANGE_QUEUES]; /* oldest first */
};

/* NULL: no memory. */
struct nd_alike *nd_alike_new(void);
void nd_alike_join(struct nd_alike *a, struct nd_exchange *e);
/* Frees a with its last member. */
void nd_alike_leave(struct nd_exchange *e);
/* Queues e, a member. False: the queue is full. */
bool nd_alike_wait(struct nd_exchange *e, unsigned queue);
void nd_alike_unwait(struct nd_exchange *e);
/* Takes the next one out of its queue; NULL: none waits. */
struct nd_exchange *nd_alike_next(struct nd_alike *a);
