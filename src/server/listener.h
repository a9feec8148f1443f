/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - one endpoint's sockets on one worker: taken from the descriptor set, else bound and
 * put into it.
 *
 * Owns:    its sockets.
 * Threads: the worker's own.
 */
#pragma once

#include <stdbool.h>
#include "base/list.h"
#include "core/gen.h"
#include "io/tcp.h"
#include "io/udp.h"

enum {
	ND_LISTENER_REQUEST_MAX = 512, /* octets of a UDP question (CoreDNS's read buffer) */
	ND_LISTENER_BUFFER_BYTES =
		8 << 20, /* receive buffer wanted, so that a burst waits and is not lost */
};

struct nd_server_worker;

/* Kept over a reload when the address stays. */
struct nd_listener {
	struct nd_list link;
	struct nd_server_worker *worker;
	struct nd_addr addr;
	enum nd_scheme scheme;
	bool wildcard;
	const struct nd_endpoint *endpoint; /* of the generation that serves; NULL before it does */
	bool wanted;                        /* by the generation being adopted */
	struct nd_udp *udp[2];              /* one, or IPv6 and IPv4 */
	struct nd_tcp_listener *tcp[2];
};

/* Opens what worker, addr and wildcard say; on_batch gets the listener as ctx. 0 or -errno, and
 * then nothing is open. */
int nd_listener_open(struct nd_listener *l, void (*on_batch)(void *ctx, struct nd_udp *u,
							     struct nd_datagram *d, size_t n));
void nd_listener_close(struct nd_listener *l);
/* No new connection from now on. */
void nd_listener_close_tcp(struct nd_listener *l);
/* Adds what its sockets lost; the buffer is the smallest of all. */
void nd_listener_stats(const struct nd_listener *l, struct nd_process_stats *sum);
