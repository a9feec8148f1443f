/* SPDX-License-Identifier: Apache-2.0 */
/* rtt.h - a running high quantile of the round-trip times of an upstream.
 *
 * Response times are bimodal (cached by the upstream, or resolved further), so mean and deviation
 * are of little use. A quantile estimate only needs to know whether a sample was above or below,
 * and a timer that fires is a sample above.
 *
 * Karn's algorithm: a reply to a query that was sent twice to the same server is ambiguous; the
 * caller adds no sample for it.
 * Owns:    nothing; a plain value.
 * Threads: the owner's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	ND_RTT_FLOOR_MS = 10,
	ND_RTT_START_MS = 250, /* before the first sample */
	ND_RTT_CEILING_MS = 1000,
	ND_RTT_FIRST_MS = 150, /* the most before the second send, or ND_RTT_LOWS */
	ND_RTT_LOWS = 4,       /* times the shortest time */
};

struct nd_rtt {
	uint64_t quantile_ns; /* about 98 % of replies arrive within it; 0: no sample yet */
	uint64_t low_ns;      /* the shortest times: the network, and an answer from a cache */
};

/* A reply took ns. */
void nd_rtt_sample(struct nd_rtt *r, uint64_t ns);
/* A reply took at least low and at most high. */
void nd_rtt_sample_between(struct nd_rtt *r, uint64_t low, uint64_t high);
/* No reply before the timer fired: a sample above the estimate, of unknown size. */
void nd_rtt_add_timeout(struct nd_rtt *r);
/* Time until the next send: 1.5 times the quantile, doubled for each earlier send, between floor
 * and ceiling. The first time it is limited as well: where slow names are frequent, the quantile is
 * theirs, and a lost packet or a dead flow must not cost as much; the quota (quota.h) limits what
 * that costs. sends >= 1: how often the query has been sent. */
uint64_t nd_rtt_most_ns(const struct nd_rtt *r); /* that limit */
uint64_t nd_rtt_timer_ns(const struct nd_rtt *r, unsigned sends);
