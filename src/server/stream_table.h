/* SPDX-License-Identifier: Apache-2.0 */
/* stream_table.h - the TCP connections of a worker by client address, and which of them makes room
 * for a new one. Every operation takes constant time, whatever the number of connections.
 *
 * Owns:    the clients, on the heap. Connections embed a struct nd_stream_node.
 * Threads: the worker's own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/list.h"
#include "base/siphash.h"

enum {
	ND_STREAM_TABLE_SHARE = 4,   /* a full table: one client keeps at most a quarter */
	ND_STREAM_TABLE_WEIGHTS = 24 /* classes of memory held: powers of two, from 1 KiB on */
};

/* A connection that was accepted, or asked its last question, less than this ago is spared while
 * there is another choice. */
#define ND_STREAM_TABLE_GRACE_NS ND_MS(500)

struct nd_stream_client;

struct nd_stream_node {
	struct nd_list rank;             /* in its client: idle or busy */
	struct nd_list weight;           /* in table->weight */
	struct nd_stream_client *client; /* NULL: not in the table */
	uint64_t since_ns;               /* accepted, or the last question */
	size_t held;                     /* bytes of memory, see nd_stream_table_hold */
	bool busy;                       /* its client waits for answers, or reads them */
};

/* Clients by their number of connections. */
struct nd_stream_bucket {
	struct nd_list *head; /* [1, max] */
	uint64_t *used;       /* bit per head: not empty */
};

struct nd_stream_table {
	uint32_t n, max;
	struct nd_siphash_key key;
	struct nd_list *hash; /* mask + 1 lists of clients */
	uint32_t mask;
	struct nd_stream_bucket all;
	struct nd_stream_bucket idle; /* those with an idle connection, the longest idle first */
	struct nd_list weight[ND_STREAM_TABLE_WEIGHTS];
	size_t held, share; /* bytes of all connections, and their most */
};

/* max: connections; share: bytes. 0 or -ENOMEM. */
int nd_stream_table_init(struct nd_stream_table *t, uint32_t max, size_t share,
			 const struct nd_siphash_key *key);
/* It is empty, or its init failed. */
void nd_stream_table_clear(struct nd_stream_table *t);
static inline bool nd_stream_table_full(const struct nd_stream_table *t)
{
	return t->n >= t->max;
}

/* Adds an idle connection; there is room. False: out of memory. */
bool nd_stream_table_add(struct nd_stream_table *t, struct nd_stream_node *c,
			 const struct nd_addr *peer, uint64_t now_ns);
/* Gives back the memory that it holds, too. */
void nd_stream_table_del(struct nd_stream_table *t, struct nd_stream_node *c);
void nd_stream_table_set_busy(struct nd_stream_table *t, struct nd_stream_node *c, bool busy);
/* It asked a question. */
void nd_stream_table_touch(struct nd_stream_table *t, struct nd_stream_node *c, uint64_t now_ns);

/* The connection that makes room, the least useful one; NULL: the table is empty. In this order:
 *   of a client with more than its share of the table: the longest idle, then a busy one;
 *   of the client with the most connections that has an idle one: the longest idle;
 *   of the client with the most connections: any. */
struct nd_stream_node *nd_stream_table_victim(struct nd_stream_table *t, uint64_t now_ns);

/* The connection holds this many bytes now, counted in ND_BUDGET_STREAMS. False: the worker's share
 * or the budget is used up, and nothing has changed. Less is always accepted. */
bool nd_stream_table_hold(struct nd_stream_table *t, struct nd_stream_node *c, size_t bytes);
/* A connection that holds about the most; NULL: the table is empty. */
struct nd_stream_node *nd_stream_table_heaviest(struct nd_stream_table *t);
