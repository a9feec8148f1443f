/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/host.h"

#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "io/nofile.h"
#include "upstream/pool.h"

const double nd_host_buckets[ND_HOST_BUCKETS] = {
	0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032,
	0.064,   0.128,  0.256, 0.512, 1.024, 2.048, 4.096, 8.192,
};

/* The sockets and connections of its pools. */
static uint32_t descriptors_of(const struct nd_host *h)
{
	return h->nworkers * (uint32_t)(ND_POOL_SOCKETS + ND_POOL_STREAMS);
}

struct nd_host *nd_host_new(const struct nd_host_config *c, struct nd_host_stats *stats,
			    uint16_t nworkers)
{
	struct nd_host *h = calloc(1, sizeof *h + nworkers * sizeof(struct nd_pool *));
	char *name = c->tls ? strdup(c->tls_name) : NULL;

	if (!h || (c->tls && !name)) {
		free(name);
		free(h);
		return NULL;
	}
	h->config = *c;
	h->config.tls_name = h->tls_name = name;
	if (c->tls)
		nd_tls_ref(c->tls);
	h->stats = stats;
	h->nworkers = nworkers;
	nd_addr_format(&c->addr, h->text);
	nd_nofile_reserve(descriptors_of(h));
	return h;
}

void nd_host_free(struct nd_host *h)
{
	for (uint16_t i = 0; h && i < h->nworkers; i++)
		ND_ASSERT(!h->pool[i]);
	if (h) {
		nd_nofile_unreserve(descriptors_of(h));
		nd_tls_unref(h->config.tls);
		free(h->tls_name);
	}
	free(h);
}

struct nd_host_stats *nd_host_stats_new(const struct nd_addr *addr, uint16_t nworkers)
{
	struct nd_host_stats *s = calloc(1, sizeof *s + nworkers * sizeof *s->worker);

	if (!s)
		return NULL;
	s->nworkers = nworkers;
	nd_addr_format(addr, s->to);
	return s;
}

void nd_host_count_answer(struct nd_host_counts *c, unsigned rcode, uint64_t ns)
{
	unsigned at = 0;

	if (rcode >= ND_HOST_RCODES)
		rcode = ND_HOST_RCODES - 1;
	/* 0.25 ms << at, in nanoseconds: the bounds of nd_host_buckets. */
	while (at < ND_HOST_BUCKETS && ns > (uint64_t)250000 << at)
		at++;
	nd_metric_add(&c->bucket[rcode][at], 1);
	nd_metric_add(&c->sum_ns[rcode], ns);
}

void nd_host_guard(struct nd_host *h, uint64_t now_ns)
{
	uint64_t was = atomic_exchange_explicit(&h->tcp_until_ns, now_ns + ND_MS(ND_HOST_GUARD_MS),
						memory_order_relaxed);

	if (was <= now_ns && h->on_guard)
		h->on_guard(h);
}

void nd_host_unguard(struct nd_host *h, uint64_t now_ns)
{
	atomic_store_explicit(&h->udp_until_ns, now_ns + ND_MS(ND_HOST_GUARD_MS),
			      memory_order_relaxed);
}

void nd_host_mark_single(struct nd_host *h, uint64_t now_ns)
{
	uint64_t span = atomic_load_explicit(&h->single_span_ns, memory_order_relaxed);

	if (nd_host_is_single(h, now_ns))
		return;
	span = span ? 2 * span : ND_S(ND_HOST_LEARNED_MIN_S);
	if (span > ND_S(ND_HOST_LEARNED_MAX_S))
		span = ND_S(ND_HOST_LEARNED_MAX_S);
	atomic_store_explicit(&h->single_span_ns, span, memory_order_relaxed);
	atomic_store_explicit(&h->single_until_ns, now_ns + span, memory_order_relaxed);
}

void nd_host_clear_single(struct nd_host *h)
{
	if (!atomic_load_explicit(&h->single_span_ns, memory_order_relaxed))
		return;
	atomic_store_explicit(&h->single_span_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&h->single_until_ns, 0, memory_order_relaxed);
}

void nd_host_learn_close(struct nd_host *h, uint32_t answers, uint64_t now_ns)
{
	atomic_store_explicit(&h->close_after, answers, memory_order_relaxed);
	atomic_store_explicit(&h->close_until_ns, now_ns + ND_S(ND_HOST_LEARNED_MIN_S),
			      memory_order_relaxed);
}
