/* SPDX-License-Identifier: Apache-2.0 */
/* uv.h - the loop over libuv, as loop.c, tcp.c and udp.c share it. For nobody else.
 *
 * Owners: the data of every uv handle is its object's struct nd_uv_owner, through which
 *         nd_loop_free() closes what was left open.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/list.h"
#include "io/clock.h"
#include "io/timer.h"

struct nd_uv_owner {
	void (*destroy)(struct nd_uv_owner *o);
};

struct nd_loop {
	uv_loop_t uv;
	uv_prepare_t before_wait;
	uv_timer_t alarm;
	uint64_t alarm_ns; /* what alarm is set to; ND_TIMERS_NONE: to nothing */
	struct nd_timers timers;
	bool fresh; /* now was read in this turn */
	void (*turn)(void *ctx);
	void *turn_ctx;

	/* tcp.c: streams with something to write at the end of the turn, and what they read into. */
	struct nd_list unflushed;
	uint8_t *stream_bytes;
	/* udp.c: buffers of the loop's sockets. */
	struct nd_udp_batch *batches;
	struct nd_udp_outgoing *outgoing;
};

/* Every callback from libuv begins with it: reads the clock, once a turn. */
static inline void nd_loop_enter(struct nd_loop *loop)
{
	if (!loop->fresh) {
		loop->timers.now_ns = nd_clock_now_ns();
		loop->fresh = true;
	}
}

enum { ND_STREAM_READ_BYTES = 65536 };

void nd_tcp_flush_all(struct nd_loop *loop);
void nd_udp_free_batches(struct nd_loop *loop);
