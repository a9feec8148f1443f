/* SPDX-License-Identifier: Apache-2.0 */
/* tcp_parts.h - a connection as tcp.c and tcp_listener.c see it.
 *
 * The states: CONNECTING (only after nd_tcp_connect()), OPEN, then one of
 *   LINGERING  closed by its owner: queued bytes are sent, our side is shut down, and input is
 *              discarded until the peer closes too (closing with unread bytes would send a reset,
 *              which can destroy data in flight). Limited in time.
 *   CLOSED     given to uv_close(); freed at the end of the turn.
 * Handlers are called in CONNECTING and OPEN only.
 *
 * Included by these two only. Threads: the loop's.
 */
#pragma once

#include "base/buf.h"
#include "io/tcp.h"
#include "io/uv.h"

enum nd_tcp_state { ND_TCP_CONNECTING, ND_TCP_OPEN, ND_TCP_LINGERING, ND_TCP_CLOSED };

struct nd_tcp {
	struct nd_uv_owner owner;
	uv_tcp_t stream;
	struct nd_loop *loop;
	enum nd_tcp_state state;
	bool reading, paused, writing, ended; /* ended: the peer has closed its side */
	uint32_t discarded;                   /* bytes read while lingering */
	uint64_t read_turn;                   /* the turn of its last read */
	struct nd_tcp_handler handler;
	struct nd_hook flush;    /* linked while queue waits for the end of the turn */
	struct nd_buf queue;     /* written by the owner, not yet given to libuv */
	struct nd_buf in_flight; /* given to libuv, while writing */
	union {                  /* only one is in use at a time */
		uv_connect_t connect;
		uv_write_t write;
		uv_shutdown_t shutdown;
	} req;
	struct nd_timer linger;
	struct nd_addr peer;
};

/* --- tcp.c --- */

/* A connection without a handler. NULL when memory is out. */
struct nd_tcp *nd_tcp_new(struct nd_loop *loop, enum nd_tcp_state state);
/* Calls no handler but that of nd_tcp_finish(). */
void nd_tcp_close_now(struct nd_tcp *c);
