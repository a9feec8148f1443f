/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h - what a UDP socket and a TCP connection to an upstream have in common: the queries in
 * flight on it, and its times.
 *
 * Owns:    nothing; embedded in struct nd_pool_socket and struct nd_pipeline.
 * Threads: the worker's. Included by pool.c, pool_socket.c and pipeline.c only.
 */
#pragma once

#include "upstream/pool.h"

struct nd_conn {
	struct nd_list link;  /* in pool->sockets or pool->streams */
	struct nd_pool *pool; /* NULL: closed, and freed when its callback ends */
	struct nd_flights flights;
	struct nd_list sent; /* the same queries, oldest first */
	uint64_t created_ns, used_ns;
	uint64_t age_ns; /* gets no new queries when older; 0: no limit */
	bool stream;     /* TCP */
	bool busy;       /* a callback of it runs */
	bool retired;    /* gets no new queries; closed after its last reply */
};

/* bucket: its table of flights, a power of two. */
void nd_conn_init(struct nd_conn *c, struct nd_pool *p, bool stream, struct nd_list *bucket,
		  uint32_t nbuckets);
/* Adds s to its flights, and gives it an id. False: the table is full. */
bool nd_conn_add(struct nd_conn *c, struct nd_sent *s);
/* Takes s out of flight. */
void nd_conn_del(struct nd_sent *s);
/* NULL: no query with this id is in flight. */
struct nd_sent *nd_conn_find(const struct nd_conn *c, uint16_t id);
/* It is idle for too long, or too old. */
bool nd_conn_has_expired(const struct nd_conn *c);
