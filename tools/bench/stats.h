/* SPDX-License-Identifier: Apache-2.0 */
/* stats.h - what a run counts: lookups by how they ended, and their times in log-linear buckets.
 *
 * Owns:    itself (about 60 KiB); zeroed to start, then nd_stats_init().
 * Threads: any add, any read; all is relaxed, so that a sum read while clients run may be torn
 *          between fields, and is whole once they have ended.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* How a lookup ended; `code` tells more. */
enum nd_outcome_kind {
	ND_OUTCOME_OK,
	ND_OUTCOME_RCODE,   /* code: the rcode */
	ND_OUTCOME_NODATA,  /* the name is there, records of the types asked are not */
	ND_OUTCOME_TIMEOUT, /* no answer, whatever was tried */
	ND_OUTCOME_ERRNO,   /* code: errno of a socket */
	ND_OUTCOME_GAI,     /* code: -EAI_... of getaddrinfo */
	ND_OUTCOME_STOPPED, /* the run's end came first */
	ND_OUTCOME_KINDS
};

struct nd_outcome {
	enum nd_outcome_kind kind;
	int code;
};

/* 128 buckets for each doubling: a time is known to better than 1 %. */
enum {
	ND_STATS_BITS = 7,
	ND_STATS_SUB = 1 << ND_STATS_BITS,
	ND_STATS_BUCKETS = (64 - ND_STATS_BITS + 1) * ND_STATS_SUB,
	ND_STATS_CODES = 256,
};

struct nd_stats {
	uint64_t limit_ns; /* a lookup of this or more is counted in `slow` */
	_Atomic uint64_t bucket[ND_STATS_BUCKETS];
	_Atomic uint64_t ended[ND_OUTCOME_KINDS][ND_STATS_CODES];
	_Atomic uint64_t requests, errors, slow, unfinished;
	_Atomic uint64_t min_ns, max_ns, sum_ns;
	/* What it took. */
	_Atomic uint64_t queries, sockets, tcp, fallbacks;
};

static inline void nd_stats_count(_Atomic uint64_t *n)
{
	atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

void nd_stats_init(struct nd_stats *s, uint64_t limit_ns);
/* A lookup's end. One that the run's end cut off counts, as an error, if it was over the limit by
 * then; else as unfinished only. */
void nd_stats_add(struct nd_stats *s, struct nd_outcome how, uint64_t took_ns);
/* The time that a share of `quantile` (0..1) of all lookups does not exceed; 0 when none ended. */
uint64_t nd_stats_quantile(const struct nd_stats *s, double quantile);
