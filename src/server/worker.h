/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - one worker: a loop, a core worker, and its own sockets for every endpoint.
 *
 * Owns:    its sockets and connections.
 * Threads: init, start and join on the control thread; everything else on the worker's own.
 */
#pragma once

#include <stdbool.h>
#include "core/gen.h"
#include "core/worker.h"
#include "server/listener.h"

enum {
	ND_SERVER_OUT = 64,           /* replies queued before a send */
	ND_SERVER_PARKED_MAX = 16384, /* waiting questions a worker */
	ND_SERVER_CONNS_MAX = 4096,   /* TCP connections a worker */
	ND_SERVER_PIPELINE_MAX = 256, /* questions of one connection at a time */
};

struct nd_fdset;

struct nd_server_worker {
	struct nd_worker core;
	struct nd_fdset *fds; /* the server's; NULL: none */
	struct nd_list listeners;
	struct nd_list conns; /* struct conn of stream.c */
	uint32_t nconns;
	struct nd_datagram out[ND_SERVER_OUT];
	struct nd_addr out_peer[ND_SERVER_OUT]; /* what these point at */
	uint32_t nout;
	struct nd_udp *out_socket; /* all of out leave by it */
	bool draining;
	uint64_t conns_refused;
	uint64_t overflowed, unsent; /* by sockets that are closed by now */
};

int nd_server_worker_init(struct nd_server_worker *w, uint16_t id, struct nd_loop *loop,
			  struct nd_fdset *fds);
void nd_server_worker_clear(struct nd_server_worker *w);

/* Opens what gen needs and is not open yet. 0, or a negative error with `what` naming the address;
 * nothing that serves is touched. */
int nd_server_worker_prepare(struct nd_server_worker *w, struct nd_gen *gen, char what[128]);
/* Closes what prepare opened for a generation that will not be. */
void nd_server_worker_abandon(struct nd_server_worker *w);
/* gen serves from here on; sockets that it does not name are closed. */
int nd_server_worker_adopt(struct nd_server_worker *w, struct nd_gen *gen);
/* Nothing new is taken; what waits goes on. */
void nd_server_worker_drain(struct nd_server_worker *w);
/* Ends what still waits and closes everything. */
void nd_server_worker_leave(struct nd_server_worker *w);

void nd_server_worker_stats(struct nd_server_worker *w, struct nd_process_stats *out);
