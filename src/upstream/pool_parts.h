/* SPDX-License-Identifier: Apache-2.0 */
/* pool_parts.h - what pool.c (UDP, common parts) and pipeline.c (TCP) need of each other.
 *
 * Included by these two only. Threads: the worker's.
 */
#pragma once

#include "upstream/pool.h"

/* --- of pipeline.c --- */

/* nd_pool_send() over TCP. */
int nd_pipeline_send(struct nd_pool *p, struct nd_sent *s, uint8_t *bytes, size_t n,
		     char text[ND_POOL_ERROR_MAX]);
/* A flight has been removed from it: closes the connection if it is no longer needed. */
void nd_pipeline_settle(struct nd_pipeline *t);
/* nd_pool_timeout_text() and nd_pool_give_up() over TCP. */
void nd_pipeline_timeout_text(const struct nd_pipeline *t, char text[ND_POOL_ERROR_MAX]);
void nd_pipeline_give_up(struct nd_pipeline *t);
bool nd_pipeline_is_open(const struct nd_pipeline *t);
bool nd_pipeline_has_answered(const struct nd_pipeline *t);
/* Closes the idle connections that have expired; with `all`, every connection. */
void nd_pipeline_sweep(struct nd_pool *p, bool all);

/* --- of pool.c --- */

/* Starts the timer that closes expired sockets and connections, if it is not running. */
void nd_pool_start_sweep(struct nd_pool *p);
/* True for an idle socket or connection with these times that has expired. */
bool nd_pool_too_old(const struct nd_pool *p, uint64_t created_ns, uint64_t used_ns);
/* "operation transport local->remote: what", as Go writes it. */
void nd_pool_text(char text[ND_POOL_ERROR_MAX], const char *operation, const char *transport,
		  const struct nd_addr *local, const struct nd_addr *remote, const char *call,
		  int err);
