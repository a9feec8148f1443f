/* SPDX-License-Identifier: Apache-2.0 */
/* timer.h - the timers of a loop, in a heap: what the real loop and the simulated one share. Only
 * loops include it; others see nd_timer_start() and nd_timer_stop() in loop.h. */
#pragma once

#include <stdint.h>
#include "base/heap.h"
#include "io/loop.h"

#define ND_TIMERS_NONE UINT64_MAX

struct nd_timers {
	struct nd_heap heap;
	uint64_t now_ns; /* the loop's now; timers are set from it */
};

/* Given by the loop. */
struct nd_timers *nd_loop_timers(struct nd_loop *loop);

/* When the earliest is due; ND_TIMERS_NONE if there is none. */
uint64_t nd_timers_next(const struct nd_timers *ts);
/* Fires all that are due at now_ns. What their functions start anew waits for the next call, even
 * with no delay, so that a turn ends. */
void nd_timers_fire(struct nd_timers *ts);
/* Forgets all, so that stopping them later does nothing. */
void nd_timers_clear(struct nd_timers *ts);
