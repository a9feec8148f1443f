/* SPDX-License-Identifier: Apache-2.0 */
/* pool_parts.h - what pool.c (the parts common to UDP and TCP), pool_socket.c (UDP) and pipeline.c
 * (TCP) need of each other.
 *
 * Included by these and pool_text.c only. Threads: the worker's.
 */
#pragma once

#include "upstream/conn.h"
#include "upstream/transport.h"

/* --- pool_socket.c --- */

/* nd_pool_send() and nd_pool_resend() over UDP. */
int nd_pool_socket_send(struct nd_pool *p, struct nd_sent *s, const struct nd_pool_way *way,
			uint8_t *bytes, size_t n, char text[ND_POOL_ERROR_MAX]);
void nd_pool_socket_resend(struct nd_sent *s, uint8_t *bytes, size_t n);
/* A flight has been removed from it: closes the socket if it is no longer needed. */
void nd_pool_socket_settle(struct nd_conn *c);
/* It is doubted: a new socket replaces it. It is trusted again: back to a slot that is free. */
void nd_pool_socket_leave_slot(struct nd_conn *c);
void nd_pool_socket_take_slot(struct nd_conn *c);
/* nd_pool_timeout_text() over UDP. */
void nd_pool_socket_timeout_text(struct nd_conn *c, char text[ND_POOL_ERROR_MAX]);
/* Closes the idle sockets that have expired; with `all`, every socket. */
void nd_pool_socket_sweep(struct nd_pool *p, bool all);

/* --- pipeline.c --- */

/* The same over TCP. */
int nd_pipeline_send(struct nd_pool *p, struct nd_sent *s, const struct nd_pool_way *way,
		     uint8_t *bytes, size_t n, char text[ND_POOL_ERROR_MAX]);
void nd_pipeline_settle(struct nd_conn *c);
void nd_pipeline_timeout_text(struct nd_conn *c, char text[ND_POOL_ERROR_MAX]);
void nd_pipeline_sweep(struct nd_pool *p, bool all);
/* Closes it. */
void nd_pipeline_close(struct nd_conn *c);
/* Closes one to make room: one that is doubted and without a query in flight; unless `doubted`, any
 * of which little is expected. Its queries are sent again by their timers. False: there is none. */
bool nd_pipeline_drop(struct nd_pool *p, bool doubted);

/* --- pipeline_pick.c --- */

/* Its answers have overtaken each other on a connection, not long ago. */
bool nd_pipeline_overtakes(const struct nd_pool *p);

/* The connection for a query; NULL: one is to be opened, or 0 or the reason why none can be. */
struct nd_conn *nd_pipeline_pick(struct nd_pool *p, const struct nd_pool_way *way, int *err);
/* A connection ends; lost: with queries in flight. What that says about the server. */
void nd_pipeline_learn(struct nd_conn *c, int err, bool lost);
/* Another connection has answered a query of it promptly; silent: this one delivers nothing. */
void nd_pipeline_learn_silence(struct nd_conn *c, bool silent);
/* Another connection to the server works: it has delivered since this one was opened. Before, a
 * restart of the server may have ended both. */
bool nd_pipeline_has_other(const struct nd_conn *c);

/* --- pool.c, pool_move.c, pool_text.c --- */

/* Starts the timer that closes expired sockets and connections, if it is not running. */
void nd_pool_start_sweep(struct nd_pool *p);
/* Queues s for on_move(); it may be in flight or not. */
void nd_pool_move(struct nd_sent *s);
/* "operation transport local->remote: what", as Go writes it. */
void nd_pool_text(char text[ND_POOL_ERROR_MAX], const char *operation, const char *transport,
		  const struct nd_addr *local, const struct nd_addr *remote, const char *call,
		  int err);
