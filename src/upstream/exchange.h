/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - sends one query to a group of upstreams until one answers or all have failed.
 *
 * A query is a whole message. Concurrent queries with equal bytes (names compared in lower case)
 * are sent once. The choice of the next server, the definition of failure and the number of tries
 * are those of CoreDNS's `forward`. One addition: when a server stays silent for longer than its
 * usual response time, the next one is queried in parallel; without a next one, the same is queried
 * again.
 *
 * Alike exchanges (same name, type, class and upstreams; other flags or EDNS) are limited in
 * number: each is one more pair of port and id for a forger of replies to hit (RFC 5452 s5). Those
 * above the limit wait, and their time runs.
 *
 * Owns:    the exchanges, while they have waiters. A waiter belongs to the caller, which cancels it
 *          or gets done().
 * Threads: one worker. done() never comes from inside nd_exchange_ask().
 * Reentry: done() may do anything, including freeing the exchanger.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/list.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "upstream/policy.h"
#include "upstream/pool.h"
#include "wire/msg.h"

enum {
	ND_EXCHANGE_TIMEOUT_MS = 5000,  /* for all tries together, as in CoreDNS */
	ND_EXCHANGE_WAITERS_MAX = 1024, /* per exchange; a further equal query starts a new one */
	ND_EXCHANGE_BUCKETS = 2048,
	ND_EXCHANGE_LIVE = 4,       /* attempts in flight at the same time */
	ND_EXCHANGE_REPEATS = 2,    /* of a query to one server because a timer fired */
	ND_EXCHANGE_RETRIES = 16,   /* because a connection ended, or was abandoned */
	ND_EXCHANGE_ALIKE_MAX = 8,  /* alike ones in flight, in the process */
	ND_EXCHANGE_QUEUES = 8,     /* of alike ones that wait; a client's are all in one */
	ND_EXCHANGE_QUEUE_MAX = 32, /* in each */
};

/* The exchanges of one worker, of all its exchangers. */
struct nd_exchange_table {
	struct nd_siphash_key key;
	uint32_t alike_max; /* this worker's part of ND_EXCHANGE_ALIKE_MAX */
	struct nd_exchange_tables *all;
	struct nd_slab slab;
	struct nd_list bucket[ND_EXCHANGE_BUCKETS];
};

struct nd_exchange_tables {
	uint16_t nworkers;
	/* Queries `alone` beyond a worker's part, of all workers, and the most. Any worker. */
	_Atomic uint32_t extra;
	uint32_t extra_max;
	struct nd_exchange_table worker[];
};

/* Control thread; shared over reloads. NULL when memory is out. */
struct nd_exchange_tables *nd_exchange_tables_new(uint16_t nworkers);
/* No exchange may exist. */
void nd_exchange_tables_free(struct nd_exchange_tables *t);

struct nd_exchange_counts {
	nd_metric_cell broken;  /* all upstreams were down */
	nd_metric_cell refused; /* no memory, or too many alike ones wait */
};

/* A group of upstreams and the options for querying them. Outlives its exchangers. */
struct nd_exchange_config {
	struct nd_host *host[ND_POLICY_HOSTS_MAX];
	size_t nhosts;
	enum nd_policy policy;
	bool force_tcp, prefer_udp, failfast;
	uint64_t read_timeout_ns; /* of one server */
	uint32_t max_fails;       /* 0: never down, never probed */
	uint32_t max_attempts;    /* 0: no limit but time */
	uint32_t failover;        /* a bit per rcode below 32: query the next server instead */
	_Atomic uint32_t *turn;   /* queries so far, of all workers (round_robin) */
};

struct nd_exchanger {
	const struct nd_exchange_config *config;
	struct nd_loop *loop;
	struct nd_pool *pool[ND_POLICY_HOSTS_MAX];
	struct nd_exchange_table *table;
	struct nd_exchange_counts *counts;
	uint64_t upstreams; /* equal for equal sets of addresses */
	struct nd_list exchanges;
};

enum nd_outcome_kind {
	ND_OUTCOME_REPLY,  /* a message that matches the question */
	ND_OUTCOME_FAILED, /* no message */
};

struct nd_outcome {
	enum nd_outcome_kind kind;
	const struct nd_msg *msg; /* REPLY: borrowed, with its bytes, until done() returns */
	const char *error; /* FAILED: the error of the last try; NULL: no upstream was healthy */
	const struct nd_host *host; /* the sender; FAILED: the last one queried, or NULL */
	bool overload; /* FAILED: it was not sent, too many alike ones were in flight */
};

struct nd_exchange;

struct nd_waiter {
	struct nd_list link;
	struct nd_exchange *exchange;                                  /* NULL: not waiting */
	void (*done)(struct nd_waiter *w, const struct nd_outcome *o); /* no longer waiting */
};

struct nd_exchange_question {
	const uint8_t *bytes; /* the message; its id is ignored */
	size_t n;
	struct nd_name lower; /* its name, lower case */
	uint16_t qtype, qclass;
	uint16_t limit;               /* longest UDP reply that the client accepts */
	bool stream;                  /* the client uses a stream */
	bool alone;                   /* never joined with an equal query */
	const struct nd_addr *client; /* for its turn among alike ones; NULL: any */
};

/* NULL when memory is out. On the worker's thread, like all below. */
struct nd_exchanger *nd_exchanger_new(const struct nd_exchange_config *c, uint16_t worker,
				      struct nd_loop *loop, struct nd_exchange_tables *tables,
				      struct nd_exchange_counts *counts);
/* Drops running exchanges without calling done(). Accepts NULL. */
void nd_exchanger_free(struct nd_exchanger *x);

/* 0: started or waiting; w->done, set by the caller, is called once. Otherwise -ENOMEM (the memory
 * budget included), or -EBUSY: too many alike ones of this client wait. */
int nd_exchange_ask(struct nd_exchanger *x, const struct nd_exchange_question *q,
		    struct nd_waiter *w);
/* done() is not called; without waiters the exchange ends. Does nothing when not waiting. */
void nd_exchange_cancel(struct nd_waiter *w);
