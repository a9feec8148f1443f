/* SPDX-License-Identifier: Apache-2.0 */
/* udp.h - datagrams, in batches. A door.
 *
 * Owns:    nd_udp is heap, freed after the loop's turn; receive buffers are the loop's. What a
 *          callback is handed is borrowed until it returns.
 * Threads: the loop's own.
 * Batches: up to ND_UDP_BATCH datagrams a recvmmsg / sendmmsg; only used slots are touched.
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
	bool cut;                   /* was longer than the buffer */
	const struct nd_addr *peer; /* from, or to; NULL on a connected socket */
	struct nd_addr local; /* with pktinfo: address it came to; source for a reply. Else len 0 */
	uint32_t ifindex;     /* with pktinfo */
};

struct nd_udp;

struct nd_udp_handler {
	void *ctx;
	void (*on_batch)(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n);
	/* A connected socket's error (ECONNREFUSED, ...): negative errno. May be NULL. */
	void (*on_error)(void *ctx, struct nd_udp *u, int err);
};

struct nd_udp_options {
	bool reuseport;
	bool pktinfo; /* for wildcard addresses */
	bool v6only;
	bool freebind;
	uint32_t buffer_bytes; /* receive buffer wanted: SO_RCVBUFFORCE, else SO_RCVBUF; 0: default */
	uint32_t datagram_bytes; /* largest datagram read whole; 0: 512, enough for questions */
};

/* Socket bound to addr, read at once. 0 or -errno. */
int nd_udp_bind(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_udp_options *o,
		const struct nd_udp_handler *h, struct nd_udp **out);
/* Takes over a bound descriptor (a descriptor set's); it closes with the nd_udp. */
int nd_udp_adopt(struct nd_loop *loop, int fd, const struct nd_udp_options *o,
		 const struct nd_udp_handler *h, struct nd_udp **out);
/* Socket connected to peer, from a source port that the kernel picks at random (source may be
 * NULL). */
int nd_udp_connect(struct nd_loop *loop, const struct nd_addr *peer, const struct nd_addr *source,
		   const struct nd_udp_options *o, const struct nd_udp_handler *h,
		   struct nd_udp **out);
void nd_udp_close(struct nd_udp *u);

/* Sends all, in one or more sendmmsg; where the socket buffer stays full for a few ms the rest is
 * dropped. Returns how many went out. */
size_t nd_udp_send(struct nd_udp *u, const struct nd_datagram *d, size_t n);

/* The address bound to (its port for a bind to port 0). */
struct nd_addr nd_udp_local(const struct nd_udp *u);
int nd_udp_fd(const struct nd_udp *u); /* -1 in the simulation */

struct nd_udp_stats {
	uint64_t overflowed; /* datagrams lost at our own socket's buffer, by the kernel's count */
	uint64_t unsent;
	uint32_t buffer_bytes; /* what the kernel granted, in the terms of the wish */
};
struct nd_udp_stats nd_udp_stats(const struct nd_udp *u);
