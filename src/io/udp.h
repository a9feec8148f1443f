/* SPDX-License-Identifier: Apache-2.0 */
/* udp.h - UDP sockets, read and written in batches. A door.
 *
 * Owns:    nd_udp is heap, freed at the end of the turn; receive buffers are the loop's. Arguments
 *          of a callback are borrowed until it returns.
 * Threads: the loop's own.
 * Batches: up to ND_UDP_BATCH datagrams per recvmmsg or sendmmsg; unused slots are not touched.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

enum { ND_UDP_BATCH = 32 };

struct nd_datagram {
	uint8_t *bytes;
	uint32_t len;
	bool cut;                   /* longer than the buffer, and truncated */
	const struct nd_addr *peer; /* sender or receiver; NULL on a connected socket */
	struct nd_addr
		local; /* with pktinfo: its destination, or the source to send from; else len 0 */
	uint32_t ifindex; /* with pktinfo */
};

struct nd_udp;

struct nd_udp_handler {
	void *ctx;
	void (*on_batch)(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n);
	/* An ICMP error (-ECONNREFUSED, ...) for a datagram of a connected socket, whose first n
	 * bytes are quoted; without them (n is 0) it may be about any. Anyone can forge one: the
	 * socket keeps working. May be NULL. */
	void (*on_error)(void *ctx, struct nd_udp *u, int err, const uint8_t *quoted, size_t n);
	/* A datagram of nd_udp_queue() was not sent; err as of nd_udp_write(). May be NULL. */
	void (*on_unsent)(void *ctx, struct nd_udp *u, int err, const uint8_t *bytes, size_t n);
};

struct nd_udp_options {
	bool reuseport;
	bool pktinfo; /* for wildcard addresses */
	bool v6only;
	bool freebind;
	uint32_t buffer_bytes;   /* receive buffer: SO_RCVBUFFORCE, else SO_RCVBUF; 0: default */
	uint32_t datagram_bytes; /* largest datagram read whole; 0: 512 */
};

/* A socket bound to addr; reading starts at once. 0 or -errno. */
int nd_udp_bind(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_udp_options *o,
		const struct nd_udp_handler *h, struct nd_udp **out);
/* Takes over a bound descriptor (of an nd_fdset), and closes it on failure. 0 or -errno. */
int nd_udp_adopt(struct nd_loop *loop, int fd, const struct nd_udp_options *o,
		 const struct nd_udp_handler *h, struct nd_udp **out);
/* A socket connected to peer; the kernel picks a random source port. source may be NULL. 0 or
 * -errno. */
int nd_udp_connect(struct nd_loop *loop, const struct nd_addr *peer, const struct nd_addr *source,
		   const struct nd_udp_options *o, const struct nd_udp_handler *h,
		   struct nd_udp **out);
void nd_udp_close(struct nd_udp *u);
/* While paused nothing is read, and datagrams wait in the kernel. For a moment only: if some wait,
 * the loop does not sleep. */
void nd_udp_pause(struct nd_udp *u, bool paused);

/* Sends all, in one or more sendmmsg. If the socket buffer stays full for a few ms, the rest is
 * dropped. Returns the number sent. */
size_t nd_udp_send(struct nd_udp *u, const struct nd_datagram *d, size_t n);

/* Sends one datagram on a connected socket, and waits for nothing. 0 or -errno; whether anything
 * can be sent later: nd_udp_is_loss(). */
int nd_udp_write(struct nd_udp *u, const void *bytes, size_t n);
/* The same at the end of the turn, together with others of the socket. Copies. 0: an error is
 * reported by on_unsent. Without memory, and for a long datagram, it is nd_udp_write(). */
int nd_udp_queue(struct nd_loop *loop, struct nd_udp *u, const void *bytes, size_t n);
/* An error of nd_udp_write() that is like a loss in the network: the kernel had no room, or a
 * packet filter or a full conntrack table dropped the datagram (EPERM). */
bool nd_udp_is_loss(int err);

/* The bound address; after a bind to port 0, with the actual port. */
struct nd_addr nd_udp_local(const struct nd_udp *u);
int nd_udp_fd(const struct nd_udp *u); /* -1 in the simulation */

struct nd_udp_stats {
	uint64_t overflowed;   /* datagrams dropped at the receive buffer, counted by the kernel */
	uint64_t unsent;       /* datagrams not sent: buffer full, or an error */
	uint32_t buffer_bytes; /* granted, comparable with nd_udp_options.buffer_bytes */
};
struct nd_udp_stats nd_udp_stats(const struct nd_udp *u);
