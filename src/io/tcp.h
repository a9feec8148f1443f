/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.h - byte streams. A door.
 *
 * Owns:    listeners and connections are heap; close frees them at the end of the turn.
 * Threads: the loop's own.
 * Bounds:  bytes queued for writing have a maximum, over which nd_tcp_write() fails. A connection
 *          delivers at most 64 KiB per turn of the loop, so a fast sender does not starve others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

enum { ND_TCP_DISCARD_MAX = 256 << 10 };

struct nd_tcp;
struct nd_tcp_listener;

struct nd_tcp_handler {
	void *ctx;
	/* After nd_tcp_connect(): connected (0), or not (-errno; the connection is then closed). */
	void (*on_open)(void *ctx, struct nd_tcp *c, int err);
	void (*on_data)(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n);
	/* End of stream (err 0) or a broken connection. Called once, unless the owner closes first;
	 * c is invalid when it returns. */
	void (*on_close)(void *ctx, struct nd_tcp *c, int err);
	/* The write queue is empty. May be NULL. */
	void (*on_drain)(void *ctx, struct nd_tcp *c);
	/* The socket accepts no more now: queued bytes wait until the peer reads, and on_drain
	 * follows. May be called again before that. May be NULL. */
	void (*on_blocked)(void *ctx, struct nd_tcp *c);
	/* The peer has closed its side only. If set, the end of the stream is reported here and not
	 * by on_close; the connection can be written to until its owner closes it. May be NULL. */
	void (*on_end)(void *ctx, struct nd_tcp *c);
};

struct nd_tcp_options {
	bool reuseport, v6only, freebind;
	int backlog; /* 0: 1024 */
	/* The kernel's buffers of an accepted connection, 0: as it likes. It allocates at most
	 * twice as much. */
	int receive_bytes, send_bytes;
};

/* 0 or -errno. */
int nd_tcp_listen(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_tcp_options *o,
		  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
		  struct nd_tcp_listener **out);
/* Takes over a listening descriptor, and closes it on failure. Only buffers and backlog of o are
 * used. */
int nd_tcp_adopt_listener(struct nd_loop *loop, int fd, const struct nd_tcp_options *o,
			  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
			  struct nd_tcp_listener **out);
/* While paused no connection is accepted: they wait in the kernel. */
void nd_tcp_listener_pause(struct nd_tcp_listener *l, bool paused);
void nd_tcp_listener_close(struct nd_tcp_listener *l);
struct nd_addr nd_tcp_listener_local(const struct nd_tcp_listener *l);
int nd_tcp_listener_fd(const struct nd_tcp_listener *l);

/* 0: on_open is called later. source may be NULL. */
int nd_tcp_connect(struct nd_loop *loop, const struct nd_addr *peer, const struct nd_addr *source,
		   const struct nd_tcp_handler *h, struct nd_tcp **out);
/* A connection that is idle for idle_s seconds is probed (keep-alive), and one whose bytes are not
 * acknowledged for unacked_ms breaks with -ETIMEDOUT (TCP_USER_TIMEOUT, RFC 5482); so does an
 * attempt to connect. Without it the kernel retries for 15 minutes. After nd_tcp_connect(). */
void nd_tcp_set_liveness(struct nd_tcp *c, unsigned unacked_ms, unsigned idle_s);
/* For a connection from on_accept, which is not read before. */
void nd_tcp_start(struct nd_tcp *c, const struct nd_tcp_handler *h);
/* Copies. 0, ND_ELIMIT (over max_queued), ND_ECLOSED. TCP_NODELAY is on; writes of one turn are
 * sent together. */
int nd_tcp_write(struct nd_tcp *c, const void *bytes, size_t n);
/* The same for n in two bytes, the high one first, and then the bytes: all or nothing. */
int nd_tcp_write_frame(struct nd_tcp *c, const void *bytes, uint16_t n);
size_t nd_tcp_queued(const struct nd_tcp *c);
/* Gives the socket what it accepts now, not at the end of the turn. Calls no callback; errors are
 * reported at the end of the turn. Returns the bytes that are still queued. */
size_t nd_tcp_flush(struct nd_tcp *c);
void nd_tcp_set_max_queued(struct nd_tcp *c, size_t bytes); /* default 1 MiB */
void nd_tcp_pause(struct nd_tcp *c, bool paused);           /* reading */
/* No callback follows. Queued bytes are still sent, for at most 3 s; meanwhile at most
 * ND_TCP_DISCARD_MAX bytes of input are read and discarded. */
void nd_tcp_close(struct nd_tcp *c);
/* Ends our side: queued bytes are still sent, then input is discarded, with the same limits. The
 * only callback that follows is on_close, when all is over. Until then the connection counts, for
 * an owner with limits. */
void nd_tcp_finish(struct nd_tcp *c);
/* No callback follows, and queued bytes are dropped. */
void nd_tcp_abort(struct nd_tcp *c);
struct nd_addr nd_tcp_peer(const struct nd_tcp *c);
struct nd_addr nd_tcp_local(const struct nd_tcp *c);
