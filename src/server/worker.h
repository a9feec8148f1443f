/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - one worker: a core worker, and its own sockets for every endpoint, on one loop.
 *
 * Owns:    its sockets and connections. The loop is the caller's.
 * Threads: init before the worker's thread starts, clear after it ended, both on the control
 * thread; all other functions on the worker's own. Errors:  0 or a negative ND_E*.
 */
#pragma once

#include <stdbool.h>
#include "core/gen.h"
#include "core/worker.h"
#include "server/listener.h"
#include "server/stream_table.h"

enum {
	ND_SERVER_OUT = 64,           /* UDP answers queued before a send */
	ND_SERVER_PARKED_MAX = 16384, /* waiting queries of clients, of all workers together */
	ND_SERVER_PARKED_MIN = 1024,  /* but each worker may have these */
	ND_SERVER_CONNS_MAX = 4096,   /* TCP connections, shared evenly by the workers */
	ND_SERVER_CONNS_MIN = 16,     /* but each worker may have these */
	ND_SERVER_PIPELINE_MAX = 256, /* concurrent queries per TCP connection */
	ND_SERVER_LABEL_MAX = 128,    /* an address in an error message, with its NUL */
};

struct nd_fdset;

struct nd_server_worker {
	struct nd_worker core;
	struct nd_fdset *fds; /* the server's; NULL: none */
	struct nd_list listeners;
	struct nd_list conns;           /* struct conn of stream.c */
	struct nd_stream_table streams; /* of conns; hash NULL: not made yet */
	struct nd_datagram out[ND_SERVER_OUT];
	struct nd_addr out_peer[ND_SERVER_OUT]; /* the peers of out[] */
	uint32_t nout;
	struct nd_origin *out_origin; /* the socket for all of out[] */
	bool draining;                /* accepts no more queries or connections */
	bool sweep;                   /* a retired listener may be unused */
	/* Connections that were not accepted, made room for others, or did not read. */
	uint64_t conns_refused, conns_evicted, conns_unread;
	uint64_t overflowed, unsent; /* by sockets that are closed */
};

/* max_roots: clients' queries that may wait. */
int nd_server_worker_init(struct nd_server_worker *w, uint16_t id, struct nd_loop *loop,
			  struct nd_fdset *fds, uint32_t max_roots);
void nd_server_worker_clear(struct nd_server_worker *w);

/* Opens the sockets of gen that are not open yet. On failure label has the address. Sockets that
 * are serving are not touched. */
int nd_server_worker_prepare(struct nd_server_worker *w, struct nd_gen *gen,
			     char label[ND_SERVER_LABEL_MAX]);
/* Closes the sockets opened by prepare for a generation that is not adopted. */
void nd_server_worker_abandon(struct nd_server_worker *w);
/* Makes gen active, and retires sockets that it does not need. */
int nd_server_worker_adopt(struct nd_server_worker *w, struct nd_gen *gen);
/* Accepts no more queries; parked ones continue. */
void nd_server_worker_drain(struct nd_server_worker *w);
/* Ends parked queries and closes everything. */
void nd_server_worker_close(struct nd_server_worker *w);

void nd_server_worker_stats(struct nd_server_worker *w, struct nd_process_stats *out);
