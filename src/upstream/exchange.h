/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - one question to one group of upstreams, until there is an answer or no hope of one.
 *
 * What is asked is a whole message; questions that are equal as sent (letters folded) and run at
 * the same time are asked once. Which server comes next, what counts as failure and how often to
 * try are CoreDNS's `forward`; what is ours: a server that stays silent for its usual time is not
 * waited for alone, the next one is asked too, or, where there is none, it is asked again.
 *
 * Owns:    exchanges, while they have waiters. A waiter is its owner's, who cancels it or is told.
 * Threads: one worker. done() never comes from inside nd_exchange_ask().
 * Reentry: done() may do anything, up to the end of the exchanger.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/list.h"
#include "base/siphash.h"
#include "upstream/policy.h"
#include "upstream/pool.h"
#include "wire/msg.h"

enum {
	ND_EXCHANGE_TIMEOUT_MS = 5000,  /* for all tries together: CoreDNS's */
	ND_EXCHANGE_WAITERS_MAX = 1024, /* on one; the next equal question is asked anew */
	ND_EXCHANGE_BUCKETS = 512,
	ND_EXCHANGE_LIVE = 4, /* servers waited for at once */
};

/* A group of upstreams and how to ask them. Lives as long as the exchangers over it. */
struct nd_exchange_config {
	struct nd_host *host[ND_POLICY_HOSTS_MAX];
	size_t nhosts;
	enum nd_policy policy;
	bool force_tcp, prefer_udp, failfast;
	uint64_t read_timeout_ns; /* for one server */
	uint32_t max_fails;       /* 0: never down, never probed */
	uint32_t max_attempts;    /* 0: as many as the time allows */
	uint32_t failover;        /* bit per rcode below 32: ask the next server instead */
	uint32_t *turn;           /* atomic: questions so far, of all workers (round_robin) */
};

struct nd_exchanger {
	const struct nd_exchange_config *config;
	struct nd_loop *loop;
	struct nd_pool *pool[ND_POLICY_HOSTS_MAX];
	struct nd_siphash_key key;
	nd_metric_cell *broken; /* counted: all upstreams were down */
	struct nd_list bucket[ND_EXCHANGE_BUCKETS];
};

enum nd_outcome_kind {
	ND_OUTCOME_REPLY,  /* a message that answers the question */
	ND_OUTCOME_WRONG,  /* a message with our id that answers something else */
	ND_OUTCOME_FAILED, /* no message */
};

struct nd_outcome {
	enum nd_outcome_kind kind;
	const struct nd_msg *msg; /* REPLY only; with its bytes borrowed until done() returns */
	const char *error;        /* FAILED: what the last try met; NULL: no upstream was healthy */
	const struct nd_host *host; /* who sent it; FAILED: who was asked last, or NULL */
};

struct nd_exchange;

struct nd_waiter {
	struct nd_list link;
	struct nd_exchange *exchange;                                  /* NULL: not waiting */
	void (*done)(struct nd_waiter *w, const struct nd_outcome *o); /* not waiting any more */
};

struct nd_exchange_question {
	const uint8_t *bytes; /* the message; its id does not matter */
	size_t n;
	struct nd_name lower; /* its name, lower case */
	uint16_t qtype, qclass;
	uint16_t limit; /* longest UDP reply the asker takes */
	bool stream;    /* the asker came over a stream */
	bool alone;     /* never joined with an equal one */
};

/* NULL without memory. On the worker's thread, like all below. */
struct nd_exchanger *nd_exchanger_new(const struct nd_exchange_config *c, uint16_t worker,
				      struct nd_loop *loop, nd_metric_cell *broken);
/* Drops what still runs, tells nobody. Takes NULL. */
void nd_exchanger_free(struct nd_exchanger *x);

/* 0: under way, w->done (set before) comes once. -ENOMEM otherwise. */
int nd_exchange_ask(struct nd_exchanger *x, const struct nd_exchange_question *q,
		    struct nd_waiter *w);
/* Nobody is told; the last waiter takes the exchange along. Does nothing when not waiting. */
void nd_exchange_cancel(struct nd_waiter *w);
