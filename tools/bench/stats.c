/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/stats.h"

static size_t index_of(uint64_t v)
{
	if (v < ND_STATS_SUB)
		return (size_t)v;
	unsigned shift = 63u - (unsigned)__builtin_clzll(v) - ND_STATS_BITS;
	return ((size_t)shift << ND_STATS_BITS) + (size_t)(v >> shift);
}

/* The largest value in the bucket. */
static uint64_t value_of(size_t index)
{
	if (index < 2 * ND_STATS_SUB)
		return index;
	unsigned shift = (unsigned)(index >> ND_STATS_BITS) - 1;
	uint64_t sub = (index & (ND_STATS_SUB - 1)) + ND_STATS_SUB;
	return (sub << shift) + ((UINT64_C(1) << shift) - 1);
}

void nd_stats_init(struct nd_stats *s, uint64_t limit_ns)
{
	s->limit_ns = limit_ns;
	s->min_ns = UINT64_MAX;
}

static void lower_to(_Atomic uint64_t *to, uint64_t v)
{
	uint64_t was = *to;

	while (v < was && !atomic_compare_exchange_weak(to, &was, v))
		;
}

static void raise_to(_Atomic uint64_t *to, uint64_t v)
{
	uint64_t was = *to;

	while (v > was && !atomic_compare_exchange_weak(to, &was, v))
		;
}

void nd_stats_add(struct nd_stats *s, struct nd_outcome how, uint64_t took_ns)
{
	unsigned code = how.code >= 0 && how.code < ND_STATS_CODES ? (unsigned)how.code : 0;

	if (how.kind == ND_OUTCOME_STOPPED) {
		nd_stats_count(&s->unfinished);
		if (took_ns < s->limit_ns)
			return;
	}
	nd_stats_count(&s->requests);
	nd_stats_count(&s->ended[how.kind][code]);
	if (how.kind != ND_OUTCOME_OK)
		nd_stats_count(&s->errors);
	if (took_ns >= s->limit_ns)
		nd_stats_count(&s->slow);
	nd_stats_count(&s->bucket[index_of(took_ns)]);
	atomic_fetch_add_explicit(&s->sum_ns, took_ns, memory_order_relaxed);
	lower_to(&s->min_ns, took_ns);
	raise_to(&s->max_ns, took_ns);
}

uint64_t nd_stats_quantile(const struct nd_stats *s, double quantile)
{
	uint64_t total = s->requests, seen = 0;
	uint64_t want = (uint64_t)(quantile * (double)total + 0.999999);

	if (total == 0)
		return 0;
	if (want == 0)
		want = 1;
	for (size_t i = 0; i < ND_STATS_BUCKETS; i++) {
		seen += s->bucket[i];
		if (seen >= want) {
			uint64_t v = value_of(i);
			return v < s->max_ns ? v : s->max_ns;
		}
	}
	return s->max_ns;
}
