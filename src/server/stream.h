/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - DNS over TCP (RFC 7766): pipelining with answers out of order, limits and time limits.
 *
 * A new connection always gets in: the least useful one makes room (stream_table.h). Frames that
 * arrive and answers that the client does not read are counted in ND_BUDGET_STREAMS; without room
 * the connection that holds most ends.
 *
 * Owns:    connections, which are heap. They count until their socket is closed.
 * Threads: the worker's own.
 * Errors:  none; a connection that fails is closed.
 */
#pragma once

#include "server/worker.h"

enum {
	ND_STREAM_UNREAD_MAX = 64 << 10, /* bytes of answers queued while questions are read */
	/* A client that does not read all of its answers must read this much in write_ns. */
	ND_STREAM_PROGRESS_MIN = 4096,
};

/* The on_accept of io/tcp for a struct nd_listener. */
void nd_stream_accept(void *listener, struct nd_tcp *c);
/* Writes q's answer to its connection. */
void nd_stream_send(struct nd_query *q);
/* Closes all connections of the worker. */
void nd_stream_close_all(struct nd_server_worker *w);
/* The connections accepted on this listener take no more queries; each closes once those that it
 * has are answered. */
void nd_stream_end_listener(struct nd_server_worker *w, const struct nd_listener *l);
