/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h - one thread's event loop: timers, wake-ups from other threads, signals. A door.
 *
 * Owns:    nd_loop is heap. Timers are embedded in their owner, who stops them before it goes.
 * Threads: everything belongs to the loop's own thread, except nd_wake_send().
 */
#pragma once

#include <stdint.h>
#include "base/heap.h"

struct nd_loop;

/* NULL if there is no memory or descriptor left. SIGPIPE is ignored from now on. */
struct nd_loop *nd_loop_new(void);
/* Closes what was left open on it (an open connection's on_close is told ND_ECLOSED). Not from a
 * callback. */
void nd_loop_free(struct nd_loop *loop);
/* Runs until nd_loop_stop(). */
void nd_loop_run(struct nd_loop *loop);
void nd_loop_stop(struct nd_loop *loop);
/* The clock as read at the last wake-up or nd_loop_update(): once a batch. */
uint64_t nd_loop_now_ns(const struct nd_loop *loop);
uint64_t nd_loop_update(struct nd_loop *loop);
/* Called at the end of each turn, when all callbacks of the turn have run: where batches are
 * flushed. One per loop. */
void nd_loop_on_turn(struct nd_loop *loop, void (*fn)(void *ctx), void *ctx);

struct nd_timer {
	struct nd_heap_node node; /* key: when, ns */
	struct nd_loop *loop;     /* set while armed */
	void (*fn)(struct nd_timer *t);
};

/* Fires once, delay_ns from the loop's now; starting an armed one moves it. fn may start it
 * again, or free its owner. */
void nd_timer_start(struct nd_loop *loop, struct nd_timer *t, uint64_t delay_ns,
		    void (*fn)(struct nd_timer *t));
void nd_timer_stop(struct nd_timer *t);

struct nd_wake;

/* NULL if there is no memory or descriptor left. */
struct nd_wake *nd_wake_new(struct nd_loop *loop, void (*fn)(void *ctx), void *ctx);
/* Any thread, any time before free: fn runs at least once after it, on the loop's thread. */
void nd_wake_send(struct nd_wake *w);
void nd_wake_free(struct nd_wake *w);

struct nd_signal;

struct nd_signal *nd_signal_new(struct nd_loop *loop, int number, void (*fn)(void *ctx, int number),
				void *ctx);
void nd_signal_free(struct nd_signal *s);
