/* SPDX-License-Identifier: Apache-2.0 */
/* attempt.h - the attempts of one exchange: which server to query next, and how to handle a reply,
 * an error or silence.
 *
 * Included by exchange.c, alike.c and attempt.c only. Threads: the worker's.
 */
#pragma once

#include "upstream/exchange.h"

/* What a UDP attempt will end with unless a good reply arrives before its timer fires: the
 * sender of a broken message with a guessed id must not end the query. */
enum nd_attempt_noted {
	ND_ATTEMPT_NOTHING,
	ND_ATTEMPT_BROKEN, /* a reply that cannot be read */
	ND_ATTEMPT_BARE,   /* an error without a question */
};

struct nd_attempt {
	struct nd_sent sent;
	struct nd_exchange *exchange;
	uint8_t host; /* index in the group */
	bool live, tcp;
	bool guarded;         /* over TCP because the host is guarded (nd_host_guarded) */
	bool pending;         /* live, but not sent: that is due at fire_ns */
	bool extra;           /* one more pair of port and id at its host */
	bool deferred;        /* its timer was late, and replies may wait to be read */
	uint8_t sends, fires; /* times sent; times its timer fired */
	uint8_t noted;        /* enum nd_attempt_noted */
	uint16_t noted_flags; /* BARE: the header's */
	uint64_t fire_ns;     /* when its timer fires next */
	uint64_t end_ns;      /* read_timeout */
};

/* Small: a flood of queries to a silent upstream makes many. Followed by order and message. */
struct nd_exchange {
	struct nd_list link;  /* in its bucket of the table: by name_hash, or waiting: by hash */
	struct nd_list own;   /* in x->exchanges */
	struct nd_list queue; /* waiting: in alike->queue */
	struct nd_exchanger *x;
	struct nd_alike *alike; /* NULL while none of its name has had to wait */
	uint64_t name_hash;     /* of name, type, class, upstreams */
	uint64_t hash;          /* of all that distinguishes two queries */
	struct nd_list waiters;
	uint32_t nwaiters;
	uint32_t bytes_charged; /* to the budget; 0: it is of the table's slab */

	const struct nd_host *asked; /* last; NULL: none yet */
	uint8_t at;                  /* index in `order` of the next host */
	uint8_t down;                /* hosts skipped as down in this pass through `order` */
	uint8_t retries;             /* because a connection ended or was abandoned */
	uint8_t waits;               /* for a server that closes connections without an answer */
	uint8_t in_queue;            /* waiting: which */
	uint32_t tries;              /* started, without those ended by `failover` */
	uint32_t failovers;
	bool waiting;   /* not begun: too many alike ones are in flight */
	bool waited;    /* its turn came later, or never */
	bool exhausted; /* nothing to try: fails at the next timer */
	bool closed;    /* the last failure was a connection closed without an answer */
	bool tcp;       /* over TCP from the start */
	bool extra;     /* counted in nd_exchange_tables.extra */
	uint8_t name_len;
	uint16_t qtype, qclass, limit;
	struct nd_timer timer;
	uint64_t begun_ns, end_ns;
	char *error;             /* of the last failure; NULL: none so far */
	struct nd_attempt first; /* enough while servers answer in time */
	struct nd_attempt *more; /* ND_EXCHANGE_LIVE - 1 of them; NULL: not needed so far */
	uint8_t *order;          /* of the hosts: nhosts */
	uint8_t *sends;          /* packets to each host that it may answer: nhosts */
	size_t n;
	uint8_t bytes[]; /* the message, then `order` and `sends` */
};

static inline struct nd_name nd_exchange_name(const struct nd_exchange *e)
{
	return nd_name_view(e->bytes + ND_MSG_HEADER);
}

/* Queries the first server. If none can be queried, the exchange fails when timers run next. */
void nd_attempt_begin(struct nd_exchange *e);
/* Fails the exchange at the end of its time unless it begins before. */
void nd_attempt_await_turn(struct nd_exchange *e);
/* Takes all attempts out of flight. */
void nd_attempt_end(struct nd_exchange *e);
/* Frees e->more. */
void nd_attempt_free_more(struct nd_exchange *e);

/* Pairs of port and id with which e is in flight at one upstream, at most. */
unsigned nd_attempt_pairs(const struct nd_exchange *e);
/* Another one may be added for the name. */
bool nd_exchange_may_add_pair(const struct nd_exchange *e);

/* Frees e and calls done() of the waiters; neither e nor its exchanger may be touched after. */
void nd_exchange_finish(struct nd_exchange *e, struct nd_outcome *o);
