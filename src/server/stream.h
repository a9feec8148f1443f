/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - DNS over TCP (RFC 7766): framing, pipelining with answers out of order, limits and
 * timeouts.
 *
 * Owns:    connections, which are heap; each has a list node in its worker.
 * Threads: the worker's own.
 * Errors:  none; a connection that fails is closed.
 */
#pragma once

#include "server/worker.h"

/* The on_accept of io/tcp for a struct nd_listener. */
void nd_stream_accept(void *listener, struct nd_tcp *c);
/* Writes q's answer to its connection. */
void nd_stream_send(struct nd_query *q);
/* Closes all connections of the worker. */
void nd_stream_close_all(struct nd_server_worker *w);
/* The connections accepted on this listener take no more queries; each closes once those that it
 * has are answered. */
void nd_stream_end_listener(struct nd_server_worker *w, const struct nd_listener *l);
