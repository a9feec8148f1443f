/* SPDX-License-Identifier: Apache-2.0 */
/* stats.h - the counters of a run: lookups by outcome, and their latency in log-linear buckets.
 *
 * Owns:    itself (about 60 KiB); zeroed, then nd_stats_init().
 * Threads: any may add or read. Fields are consistent with each other only after all clients have
 *          finished.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* How a lookup ended; `code` has the details. */
enum nd_outcome_kind {
	ND_OUTCOME_OK,
	ND_OUTCOME_RCODE,   /* code: the rcode */
	ND_OUTCOME_NODATA,  /* the name exists, but has no records of the requested types */
	ND_OUTCOME_TIMEOUT, /* no answer after all attempts */
	ND_OUTCOME_ERRNO,   /* code: errno of a socket */
	ND_OUTCOME_GAI,     /* code: -EAI_... of getaddrinfo */
	ND_OUTCOME_STOPPED, /* the run ended first */
	ND_OUTCOME_KINDS
};

struct nd_outcome {
	enum nd_outcome_kind kind;
	int code;
};

/* 128 buckets per power of two: values are accurate to better than 1 %. */
enum {
	ND_STATS_BITS = 7,
	ND_STATS_SUB = 1 << ND_STATS_BITS,
	ND_STATS_BUCKETS = (64 - ND_STATS_BITS + 1) * ND_STATS_SUB,
	ND_STATS_CODES = 256,
};

struct nd_stats {
	uint64_t limit_ns; /* a lookup that takes this long or longer counts in `slow` */
	_Atomic uint64_t bucket[ND_STATS_BUCKETS];
	_Atomic uint64_t ended[ND_OUTCOME_KINDS][ND_STATS_CODES];
	_Atomic uint64_t requests, errors, slow, unfinished;
	_Atomic uint64_t min_ns, max_ns, sum_ns;
	/* Resources used. */
	_Atomic uint64_t queries, sockets, tcp, fallbacks;
};

static inline void nd_stats_count(_Atomic uint64_t *n)
{
	atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

void nd_stats_init(struct nd_stats *s, uint64_t limit_ns);
/* Counts a finished lookup. One that the end of the run cancelled counts as an error if it had
 * already reached the limit; else only as unfinished. */
void nd_stats_add(struct nd_stats *s, struct nd_outcome how, uint64_t took_ns);
/* The latency that a fraction `quantile` (0..1) of lookups does not exceed; 0 without lookups. */
uint64_t nd_stats_quantile(const struct nd_stats *s, double quantile);
