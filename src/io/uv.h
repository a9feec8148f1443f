/* SPDX-License-Identifier: Apache-2.0 */
/* uv.h - the loop over libuv. Private to loop.c, the files of TCP and UDP, and child.c.
 *
 * Owns:    the data of every uv handle points to its object's struct nd_uv_owner, through which
 *          nd_loop_free() closes handles that are still open.
 * Threads: the loop's own.
 * Seam:    loop.c calls tcp.c and udp.c only through hooks, owners and struct nd_direct.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/list.h"
#include "io/clock.h"
#include "io/timer.h"

/* A bound datagram socket is cheaper to watch with poll(2) than with epoll: while no thread sleeps
 * on it, an arriving datagram has no waiter to wake (4 % of an echo server's time). poll(2) is slow
 * with many descriptors; sockets over this limit are watched by libuv. */
enum { ND_DIRECT_MAX = 16 };

struct nd_udp;

struct nd_uv_owner {
	void (*destroy)(struct nd_uv_owner *o);
};

/* A function that the loop calls once, embedded in its owner. While it is linked, its owner must
 * live. */
struct nd_hook {
	struct nd_list link; /* in loop->turn_end or loop->loop_end */
	void (*fn)(struct nd_hook *h);
};

/* A descriptor watched with poll(2); the first member of its owner's allocation. */
struct nd_direct {
	struct nd_list gone; /* in loop->gone: freed at the end of the turn */
	void (*on_readable)(struct nd_direct *d);
	void (*destroy)(struct nd_direct *d);
};

struct nd_loop {
	struct nd_timers timers;
	uv_loop_t uv;
	/* libuv has work that its descriptor does not show. It cannot be asked (before 1.45
	 * uv_backend_timeout() ignores descriptors that are about to be added), so every call that
	 * may give it work also calls nd_loop_touch(). */
	bool touched;
	bool stopped;
	uint64_t turn_number; /* starts at 1; a stream reads once per turn (tcp.c) */
	void (*turn)(void *ctx);
	void *turn_ctx;
	struct pollfd waits[1 + ND_DIRECT_MAX];  /* libuv's descriptor, then those of direct[] */
	struct nd_direct *direct[ND_DIRECT_MAX]; /* NULL: closed in this turn */
	unsigned ndirect;
	struct nd_list gone;
	struct nd_list turn_end; /* hooks for the end of this turn; unlinked when called */
	struct nd_list loop_end; /* hooks for nd_loop_free(); unlinked when called */

	/* Buffers shared by all sockets of this loop, freed by a hook; NULL until the first socket.
	 */
	struct nd_tcp_shared *tcp;
	struct nd_udp_shared *udp;
	struct nd_udp_queue *udp_queue;
	/* Set with it: the socket is about to be closed. */
	void (*udp_closing)(struct nd_udp_queue *q, const struct nd_udp *u);
};

static inline void nd_loop_touch(struct nd_loop *loop)
{
	loop->touched = true;
}

/* Calls h->fn at the end of this turn, once; if the end has begun, of the next turn. Does nothing
 * if h is linked. nd_list_del(&h->link) takes it back. */
static inline void nd_loop_at_turn_end(struct nd_loop *loop, struct nd_hook *h)
{
	if (!nd_list_linked(&h->link))
		nd_list_add(&loop->turn_end, &h->link);
}

/* Calls h->fn in nd_loop_free(), after all handles are closed. h may free its owner. */
static inline void nd_loop_at_loop_end(struct nd_loop *loop, struct nd_hook *h)
{
	nd_list_add(&loop->loop_end, &h->link);
}

/* False if ND_DIRECT_MAX descriptors are watched already. */
bool nd_loop_watch(struct nd_loop *loop, struct nd_direct *d, int fd);
/* Frees d at the end of the turn. */
void nd_loop_unwatch(struct nd_loop *loop, struct nd_direct *d);
