/* SPDX-License-Identifier: Apache-2.0 */
/* hist.h - latencies in log-linear buckets, as in HdrHistogram.
 *
 * 128 buckets per power of two: the error of a value is below 1 %, from 1 ns to centuries, in fixed
 * memory, and recording a value takes a shift and an addition.
 *
 * Owns:    itself (about 60 KiB); zero it to start.
 * Errors:  none.
 * Threads: one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ND_HIST_BITS = 7, ND_HIST_SUB = 1 << ND_HIST_BITS };

struct nd_hist {
	uint64_t count[(64 - ND_HIST_BITS + 1) * ND_HIST_SUB];
	uint64_t total;
	uint64_t max; /* exact */
};

static inline size_t nd_hist_index(uint64_t v)
{
	if (v < ND_HIST_SUB)
		return (size_t)v;
	unsigned shift = 63u - (unsigned)__builtin_clzll(v) - ND_HIST_BITS;
	return ((size_t)shift << ND_HIST_BITS) + (size_t)(v >> shift);
}

/* The largest value of the bucket. */
static inline uint64_t nd_hist_value(size_t index)
{
	if (index < 2 * ND_HIST_SUB)
		return index;
	unsigned shift = (unsigned)(index >> ND_HIST_BITS) - 1;
	uint64_t sub = (index & (ND_HIST_SUB - 1)) + ND_HIST_SUB;
	return (sub << shift) + ((1ull << shift) - 1);
}

static inline void nd_hist_add(struct nd_hist *h, uint64_t v)
{
	h->count[nd_hist_index(v)]++;
	h->total++;
	if (v > h->max)
		h->max = v;
}

/* The value that a share of `quantile` (0..1) of all values does not exceed; 0 when empty. */
static inline uint64_t nd_hist_quantile(const struct nd_hist *h, double quantile)
{
	uint64_t want = (uint64_t)(quantile * (double)h->total + 0.999999), seen = 0;

	if (h->total == 0)
		return 0;
	if (want == 0)
		want = 1;
	for (size_t i = 0; i < sizeof h->count / sizeof *h->count; i++) {
		seen += h->count[i];
		if (seen >= want) {
			uint64_t v = nd_hist_value(i);
			return v < h->max ? v : h->max;
		}
	}
	return h->max;
}
