/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h - what a UDP socket and a TCP connection to an upstream have in common: the queries in
 * flight on it, and the judgement of whether it still works.
 *
 * A connection may stop working while its server answers others: its NAT entry or the node that
 * served it is gone, and no packet reports that. So each one is judged by what arrives on it. It is
 * doubted when it owes an answer and has been silent since the query was sent: it gets no new
 * queries, and the query is sent again on another one. If that one answers first, it is abandoned,
 * and closed after its last query. Whatever arrives on it restores trust.
 *
 * Owns:    nothing; embedded in struct nd_pool_socket and struct nd_pipeline.
 * Threads: the worker's. Included by the files of the pool only.
 */
#pragma once

#include "upstream/pool.h"

struct nd_conn {
	struct nd_list link;  /* in pool->sockets or pool->streams */
	struct nd_pool *pool; /* NULL: closed, and freed when its callback ends */
	struct nd_flights flights;
	struct nd_list sent; /* the same queries, oldest first */
	uint64_t created_ns;
	uint64_t age_ns;      /* gets no new queries when older; 0: no limit */
	uint64_t open_ns;     /* when queries could leave; 0: the connection is not open yet */
	uint64_t heard_ns;    /* when the last whole message arrived; 0: none so far */
	uint64_t before_ns;   /* when the message before the one being delivered arrived */
	uint64_t doubted_ns;  /* 0: trusted */
	uint32_t taken;       /* queries sent on it */
	uint32_t answers;     /* messages received on it */
	uint32_t heard_taken; /* `taken` when the last message arrived */
	uint64_t waits_ns;    /* when the first query after that was sent */
	bool stream;          /* TCP */
	bool busy;            /* a callback of it runs */
	bool retired;         /* gets no new queries; closed after its last reply */
	bool abandoned;
	bool crowded; /* abandoned with several answers outstanding */
};

/* bucket: its table of flights, a power of two. */
void nd_conn_init(struct nd_conn *c, struct nd_pool *p, bool stream, struct nd_list *bucket,
		  uint32_t nbuckets);
/* It is about to be closed: nothing is in flight. */
void nd_conn_clear(struct nd_conn *c);
/* Adds s to its flights, and gives it an id. False: the table is full. */
bool nd_conn_add(struct nd_conn *c, struct nd_sent *s);
/* Takes s out of flight. */
void nd_conn_del(struct nd_sent *s);
/* NULL: no query with this id is in flight. */
struct nd_sent *nd_conn_find(const struct nd_conn *c, uint16_t id);

/* Nothing has arrived for `expire`, or it is too old. */
bool nd_conn_has_expired(const struct nd_conn *c);

/* Answers outstanding, those to queries that were given up included: a server that answers in order
 * still works on them. */
static inline uint32_t nd_conn_owed(const struct nd_conn *c)
{
	return c->taken > c->answers ? c->taken - c->answers : 0;
}

/* It was opened, or has delivered, since then and a moment ago: not among the connections that may
 * have died with the one on which a query was sent at that time. */
bool nd_conn_is_newer(const struct nd_conn *c, uint64_t since_ns);

static inline bool nd_conn_is_silent(const struct nd_conn *c, uint64_t since_ns)
{
	return c->heard_ns <= since_ns;
}

/* A message has arrived. */
void nd_conn_hear(struct nd_conn *c);
/* Queries were sent since something arrived, and more time has passed than an answer takes: it may
 * be dead, though no timer of theirs has fired yet. Of a connection one name may be slow, and two
 * are needed; another socket costs nothing. */
bool nd_conn_is_mute(const struct nd_conn *c);
/* False: too many are doubted already; it is the server that is silent, or slow. */
bool nd_conn_doubt(struct nd_conn *c);
/* Another connection has answered one of its queries. The others are sent again by their timers. */
void nd_conn_abandon(struct nd_conn *c);
