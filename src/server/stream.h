/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - DNS over TCP (RFC 7766): frames in, answers out of order, limits and time-outs.
 *
 * Threads: the worker's own.
 */
#pragma once

#include "server/worker.h"

/* A connection was accepted on the listener (the on_accept of io/tcp). */
void nd_stream_accept(void *listener, struct nd_tcp *c);
/* Writes q's answer to its connection. */
void nd_stream_send(struct nd_query *q);
/* Closes all connections of the worker. */
void nd_stream_close_all(struct nd_server_worker *w);
/* Closes those accepted on this listener. */
void nd_stream_close_listener(struct nd_server_worker *w, const struct nd_listener *l);
