/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h - one thread's event loop: timers (timer.h), wake-ups from other threads, signals. A door.
 *
 * Owns:    nd_loop is heap.
 * Threads: everything belongs to the loop's own thread, except nd_wake_send().
 */
#pragma once

#include <stdint.h>
#include "io/timer.h"

struct nd_loop;

/* NULL: out of memory or descriptors. Ignores SIGPIPE for the process. */
struct nd_loop *nd_loop_new(void);
/* Closes handles that are still open (the on_close of a connection gets ND_ECLOSED). Not from a
 * callback. */
void nd_loop_free(struct nd_loop *loop);
/* Runs until nd_loop_stop(). */
void nd_loop_run(struct nd_loop *loop);
void nd_loop_stop(struct nd_loop *loop);
/* The time read at the start of the turn, or by the last nd_loop_update(). */
uint64_t nd_loop_now_ns(const struct nd_loop *loop);
uint64_t nd_loop_update(struct nd_loop *loop);
/* Sets the function called at the end of each turn, after all callbacks: where batches are flushed.
 * One per loop. */
void nd_loop_on_turn(struct nd_loop *loop, void (*fn)(void *ctx), void *ctx);

struct nd_wake;

/* NULL: out of memory or descriptors. */
struct nd_wake *nd_wake_new(struct nd_loop *loop, void (*fn)(void *ctx), void *ctx);
/* From any thread, any time before free: fn then runs at least once, on the loop's thread. */
void nd_wake_send(struct nd_wake *w);
void nd_wake_free(struct nd_wake *w);

struct nd_signal;

/* fn runs on the loop's thread, not in a signal handler. NULL as above. */
struct nd_signal *nd_signal_new(struct nd_loop *loop, int number, void (*fn)(void *ctx, int number),
				void *ctx);
void nd_signal_free(struct nd_signal *s);
