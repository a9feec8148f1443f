/* SPDX-License-Identifier: Apache-2.0 */
/* timer.h - timers, and the heap of them in a loop; shared by the real and the simulated loop.
 *
 * Owns:    nothing; a timer is embedded in its owner, which stops it before it is freed.
 * Threads: the loop's own.
 */
#pragma once

#include <stdint.h>
#include "base/heap.h"

struct nd_loop;

struct nd_timer {
	struct nd_heap_node node; /* key: due time, ns */
	struct nd_loop *loop;     /* set while armed */
	void (*fn)(struct nd_timer *t);
};

/* Fires once, delay_ns after the loop's now. Starting an armed timer moves it. fn may start it
 * again, or free its owner. */
void nd_timer_start(struct nd_loop *loop, struct nd_timer *t, uint64_t delay_ns,
		    void (*fn)(struct nd_timer *t));
void nd_timer_stop(struct nd_timer *t);

/* --- for loops --- */

#define ND_TIMERS_NONE UINT64_MAX

/* The first member of every struct nd_loop. */
struct nd_timers {
	struct nd_heap heap;
	uint64_t now_ns; /* the loop's now; timers are set from it */
	/* Called before now_ns is used, for a loop whose time passes otherwise; may be NULL. */
	void (*refresh)(struct nd_timers *ts);
};

static inline struct nd_timers *nd_timers_of(struct nd_loop *loop)
{
	return (struct nd_timers *)loop;
}

/* Due time of the earliest timer; ND_TIMERS_NONE if there is none. */
uint64_t nd_timers_next(const struct nd_timers *ts);
/* Fires all timers due at now_ns. A timer started meanwhile waits for the next call, even with no
 * delay, so a turn always ends. */
void nd_timers_fire(struct nd_timers *ts);
/* Unlinks all timers; stopping them later does nothing. */
void nd_timers_clear(struct nd_timers *ts);
