/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - the sockets of one endpoint on one worker: taken from the descriptor set, or bound
 * and put into it.
 *
 * Owns:    its sockets. The worker owns the listener.
 * Threads: the worker's own.
 * Errors:  -errno; nothing is open then.
 */
#pragma once

#include <stdbool.h>
#include "base/list.h"
#include "core/gen.h"
#include "io/tcp.h"
#include "io/udp.h"

enum {
	ND_LISTENER_REQUEST_MAX = 512,      /* bytes of a UDP query (CoreDNS's read buffer) */
	ND_LISTENER_BUFFER_BYTES = 8 << 20, /* receive buffer: a burst is queued, not dropped */
	ND_LISTENER_BACKLOG = 1024,         /* TCP connections not accepted yet */
};

struct nd_server_worker;

/* Kept over a reload if the address remains. */
struct nd_listener {
	struct nd_list link;
	struct nd_server_worker *worker;
	struct nd_addr addr;
	enum nd_scheme scheme;
	bool wildcard;
	const struct nd_endpoint *endpoint; /* of the active generation; NULL: not serving */
	bool wanted;                        /* the generation being adopted has this address */
	struct nd_udp *udp[2];              /* one, or for a wildcard IPv6 and IPv4 */
	struct nd_tcp_listener *tcp[2];
};

/* Opens the sockets for worker, addr and wildcard. on_batch gets the listener as ctx. */
int nd_listener_open(struct nd_listener *l, void (*on_batch)(void *ctx, struct nd_udp *u,
							     struct nd_datagram *d, size_t n));
void nd_listener_close(struct nd_listener *l);
/* Accepts no more connections; existing ones remain. */
void nd_listener_close_tcp(struct nd_listener *l);
/* Adds the datagrams that its sockets lost. udp_buffer_bytes becomes the minimum. */
void nd_listener_stats(const struct nd_listener *l, struct nd_process_stats *sum);
