/* SPDX-License-Identifier: Apache-2.0 */
/* attempt.h - the attempts of one exchange: which server to query next, and how to handle a reply,
 * an error or silence.
 *
 * Included by exchange.c and attempt.c only. Threads: the worker's.
 */
#pragma once

#include "upstream/exchange.h"

struct nd_attempt {
	struct nd_sent sent;
	struct nd_exchange *exchange;
	uint8_t host; /* index in the group */
	bool live, tcp;
	uint8_t sends, fires; /* times sent; times its timer fired */
	uint64_t sent_ns;     /* the first time */
	uint64_t fire_ns;     /* when its timer fires next */
	uint64_t end_ns;      /* read_timeout */
};

struct nd_exchange {
	struct nd_list link; /* in its bucket */
	struct nd_exchanger *x;
	uint64_t hash;
	struct nd_list waiters;
	uint32_t nwaiters;

	uint8_t order[ND_POLICY_HOSTS_MAX];
	const struct nd_host *asked; /* last; NULL: none yet */
	uint8_t at;                  /* index in `order` of the next host */
	uint8_t down;                /* hosts skipped as down in this pass through `order` */
	uint8_t retries;             /* after the server closed a kept connection */
	uint32_t tries;              /* started, without those ended by `failover` */
	uint32_t failovers;
	bool exhausted; /* nothing to try: fails at the next timer */
	struct nd_attempt attempt[ND_EXCHANGE_LIVE];
	struct nd_timer timer;
	uint64_t end_ns;
	char error[ND_POOL_ERROR_MAX]; /* "": none so far */

	uint16_t qtype, qclass, limit;
	bool tcp; /* over TCP from the start */
	uint8_t name_len;
	uint8_t lower[ND_NAME_MAX];
	size_t n;
	uint8_t bytes[];
};

/* Queries the first server. If none can be queried, the exchange fails when timers run next. */
void nd_attempt_begin(struct nd_exchange *e);
/* Takes all attempts out of flight. */
void nd_attempt_end(struct nd_exchange *e);

/* Calls done() of the waiters and frees e; neither e nor its exchanger may be touched after. */
void nd_exchange_finish(struct nd_exchange *e, const struct nd_outcome *o);
