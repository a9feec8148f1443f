/* SPDX-License-Identifier: Apache-2.0 */
/* attempt.h - the tries of one exchange: whom to ask now, and what a reply, an error or a silence
 * means. Between exchange.c and attempt.c only. */
#pragma once

#include "upstream/exchange.h"

struct nd_attempt {
	struct nd_sent sent;
	struct nd_exchange *exchange;
	uint8_t host; /* index in the group */
	bool live, tcp;
	uint8_t sends, fires; /* how often sent; how often its timer fired */
	uint64_t sent_ns;     /* first */
	uint64_t fire_ns;     /* when its timer fires */
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
	uint8_t at;                  /* index in order of the host that comes next */
	uint8_t down;                /* hosts skipped as down since the order began anew */
	uint8_t retries;             /* after a kept connection had been closed by the server */
	uint32_t tries;              /* begun, failed over ones not counted */
	uint32_t failovers;
	bool hopeless; /* ends at the next timer */
	struct nd_attempt attempt[ND_EXCHANGE_LIVE];
	struct nd_timer timer;
	uint64_t end_ns;
	char error[ND_POOL_ERROR_MAX]; /* "" : none met */

	uint16_t qtype, qclass, limit;
	bool tcp; /* asked over TCP from the start */
	uint8_t name_len;
	uint8_t lower[ND_NAME_MAX];
	size_t n;
	uint8_t bytes[];
};

/* Asks the first server. If none can be asked the exchange ends with the loop's next timers. */
void nd_attempt_begin(struct nd_exchange *e);
/* Forgets what is under way. */
void nd_attempt_end(struct nd_exchange *e);

/* Tells the waiters and frees it; nothing of it or its exchanger may be touched after. */
void nd_exchange_finish(struct nd_exchange *e, const struct nd_outcome *o);
