/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - the sockets of one address on one worker, UDP and TCP: taken from the descriptor
 * set, or bound and put into it.
 *
 * Owns:    its sockets. The worker owns the listener.
 * Threads: the worker's own.
 * Errors:  -errno; nothing is open then.
 */
#pragma once

#include <stdbool.h>
#include "base/list.h"
#include "core/gen.h"
#include "core/query.h"
#include "io/tcp.h"
#include "io/udp.h"

enum {
	ND_LISTENER_REQUEST_MAX = 512,      /* bytes of a UDP query (CoreDNS's read buffer) */
	ND_LISTENER_BUFFER_BYTES = 8 << 20, /* receive buffer: a burst is queued, not dropped */
	ND_LISTENER_BACKLOG = 1024,         /* TCP connections not accepted yet */
	/* Buffers of a TCP connection. Unlimited, the kernel would hold 110 KiB of the questions
	 * of a client that waits, and as much of answers that it does not read. */
	ND_LISTENER_TCP_RECEIVE = 16 << 10,
	ND_LISTENER_TCP_SEND = 32 << 10,
};

struct nd_server_worker;

/* Kept over a reload if the address remains. Otherwise it is retired: it takes no more queries or
 * connections, and closes with its last query and connection. */
struct nd_listener {
	struct nd_list link;
	struct nd_server_worker *worker;
	struct nd_addr addr;
	enum nd_scheme scheme;
	const struct nd_endpoint *endpoint; /* of the active generation; NULL: not serving */
	bool wanted;                        /* the generation being adopted has this address */
	bool retired;
	uint32_t nconns;         /* connections accepted by it */
	struct nd_origin origin; /* of queries over UDP; they hold it while they wait */
	struct nd_udp *udp;      /* NULL: not open */
	struct nd_tcp_listener *tcp;
};

/* Opens the sockets for worker and addr. on_batch's ctx is l. */
int nd_listener_open(struct nd_listener *l, void (*on_batch)(void *ctx, struct nd_udp *u,
							     struct nd_datagram *d, size_t n));
/* Paused it reads and accepts nothing: what arrives waits in the kernel. */
void nd_listener_pause(struct nd_listener *l, bool paused);
/* Nothing uses it: see nd_listener_used(). */
void nd_listener_close(struct nd_listener *l);
/* Accepts no more connections; existing ones remain. */
void nd_listener_close_tcp(struct nd_listener *l);
/* Accepts connections again. 0 or -errno. */
int nd_listener_open_tcp(struct nd_listener *l);
/* Queries wait that came by its UDP socket, or connections of it are open. */
static inline bool nd_listener_used(const struct nd_listener *l)
{
	return l->nconns || l->origin.nqueries;
}
/* Adds the datagrams that its sockets lost. udp_buffer_bytes becomes the minimum. */
void nd_listener_stats(const struct nd_listener *l, struct nd_process_stats *sum);
