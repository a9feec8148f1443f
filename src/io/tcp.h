/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.h - byte streams. A door.
 *
 * Owns:    listeners and connections are heap; close frees them (after the loop's turn).
 * Threads: the loop's own.
 * Bounds:  what is queued for writing has a maximum; over it nd_tcp_write() refuses. In one turn of
 * the loop a connection hands over 64 KiB at most: one that could go on for ever does not keep the
 * others waiting.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

struct nd_tcp;
struct nd_tcp_listener;

struct nd_tcp_handler {
	void *ctx;
	/* Connected (0) or not (-errno, after which the connection is closed); only after connect. */
	void (*on_open)(void *ctx, struct nd_tcp *c, int err);
	void (*on_data)(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n);
	/* The peer has closed or the connection broke (err 0: end of stream). Called once, unless
	 * we close first; the connection is gone when it returns. */
	void (*on_close)(void *ctx, struct nd_tcp *c, int err);
	/* What was queued has gone out. May be NULL. */
	void (*on_drain)(void *ctx, struct nd_tcp *c);
	/* The peer has closed its side and still listens: with it, the end of the stream comes here
	 * and not to on_close, and the connection can be written to until it is closed. May be
	 * NULL. */
	void (*on_end)(void *ctx, struct nd_tcp *c);
};

struct nd_tcp_options {
	bool reuseport, v6only, freebind;
	int backlog;
};

int nd_tcp_listen(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_tcp_options *o,
		  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
		  struct nd_tcp_listener **out);
int nd_tcp_adopt_listener(struct nd_loop *loop, int fd,
			  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
			  struct nd_tcp_listener **out);
void nd_tcp_listener_close(struct nd_tcp_listener *l);
struct nd_addr nd_tcp_listener_local(const struct nd_tcp_listener *l);
int nd_tcp_listener_fd(const struct nd_tcp_listener *l);

int nd_tcp_connect(struct nd_loop *loop, const struct nd_addr *peer, const struct nd_addr *source,
		   const struct nd_tcp_handler *h, struct nd_tcp **out);
/* For a connection from on_accept; nothing is read before it. */
void nd_tcp_start(struct nd_tcp *c, const struct nd_tcp_handler *h);
/* Copies. 0, ND_ELIMIT (over max_queued), ND_ECLOSED. TCP_NODELAY is on; writes of one turn leave
 * together. */
int nd_tcp_write(struct nd_tcp *c, const void *bytes, size_t n);
size_t nd_tcp_queued(const struct nd_tcp *c);
void nd_tcp_set_max_queued(struct nd_tcp *c, size_t bytes); /* default 1 MiB */
void nd_tcp_pause(struct nd_tcp *c, bool paused);           /* reading */
/* No callback comes after it. What is queued still goes out (bounded to a few seconds). */
void nd_tcp_close(struct nd_tcp *c);
struct nd_addr nd_tcp_peer(const struct nd_tcp *c);
struct nd_addr nd_tcp_local(const struct nd_tcp *c);
