/* SPDX-License-Identifier: Apache-2.0 */
/* timer.h - the timers of a loop, in a heap; shared by the real and the simulated loop. Private to
 * loops; others use nd_timer_start() and nd_timer_stop() of loop.h.
 *
 * Owns:    nothing; timers are embedded in their owners.
 * Threads: the loop's own.
 */
#pragma once

#include <stdint.h>
#include "base/heap.h"
#include "io/loop.h"

#define ND_TIMERS_NONE UINT64_MAX

struct nd_timers {
	struct nd_heap heap;
	uint64_t now_ns; /* the loop's now; timers are set from it */
};

/* Implemented by each loop. */
struct nd_timers *nd_loop_timers(struct nd_loop *loop);

/* Due time of the earliest timer; ND_TIMERS_NONE if there is none. */
uint64_t nd_timers_next(const struct nd_timers *ts);
/* Fires all timers due at now_ns. A timer started meanwhile waits for the next call, even with no
 * delay, so a turn always ends. */
void nd_timers_fire(struct nd_timers *ts);
/* Unlinks all timers; stopping them later does nothing. */
void nd_timers_clear(struct nd_timers *ts);
