/* SPDX-License-Identifier: Apache-2.0 */
/* uv.h - the loop over libuv, as loop.c, tcp.c and udp.c share it. For nobody else.
 *
 * Owners: the data of every uv handle is its object's struct nd_uv_owner, through which
 *         nd_loop_free() closes what was left open.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/list.h"
#include "io/clock.h"
#include "io/timer.h"

/* A bound datagram socket costs less to watch by poll(2) than by epoll: while nobody sleeps on it,
 * its datagrams find no waiter to look after (that was 4 % of an echo server's time). poll(2) is
 * slow for many; those beyond so many go to libuv. */
enum { ND_DIRECT_MAX = 16 };

struct nd_uv_owner {
	void (*destroy)(struct nd_uv_owner *o);
};

/* What poll(2) watches; begins its owner's allocation. */
struct nd_direct {
	struct nd_list gone; /* in loop->gone: freed when the turn is over */
	void (*on_readable)(struct nd_direct *d);
	void (*destroy)(struct nd_direct *d);
};

struct nd_loop {
	uv_loop_t uv;
	/* libuv has things to do that do not show in its descriptor. It cannot be asked
	 * (before 1.45 uv_backend_timeout() knows nothing of descriptors to be added), so every
	 * call that may give it some says so with nd_loop_touch(). */
	bool touched;
	bool stopped;
	uint64_t turn_number; /* from 1 on: a stream reads once a turn (tcp.c) */
	struct nd_timers timers;
	void (*turn)(void *ctx);
	void *turn_ctx;
	struct pollfd waits[1 + ND_DIRECT_MAX];  /* libuv's descriptor, then those of direct[] */
	struct nd_direct *direct[ND_DIRECT_MAX]; /* NULL: gone, its place is not yet taken */
	unsigned ndirect;
	struct nd_list gone;

	/* tcp.c: streams with something to write at the end of the turn, and what they read into. */
	struct nd_list unflushed;
	uint8_t *stream_bytes;
	/* udp.c: buffers of the loop's sockets. */
	struct nd_udp_batch *batches;
	struct nd_udp_outgoing *outgoing;
};

static inline void nd_loop_touch(struct nd_loop *loop)
{
	loop->touched = true;
}

enum { ND_STREAM_READ_BYTES = 65536 };

/* False: there is no place left. */
bool nd_loop_watch(struct nd_loop *loop, struct nd_direct *d, int fd);
/* And frees d when the turn is over. */
void nd_loop_unwatch(struct nd_loop *loop, struct nd_direct *d);

void nd_tcp_flush_all(struct nd_loop *loop);
void nd_udp_free_batches(struct nd_loop *loop);
