/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of plugin cache. */
#include "io/clock.h"
#include "plugin/cache/cache.h"

static const char *const typed[] = { "server", "type", "zones", "view", NULL };
static const char *const untyped[] = { "server", "zones", "view", NULL };
static const struct nd_metric_family
	entries_family = ND_GAUGE("coredns_cache_entries", "The number of elements in the cache.",
				  typed),
	requests_family = ND_COUNTER("coredns_cache_requests_total", "The count of cache requests.",
				     untyped),
	hits_family = ND_COUNTER("coredns_cache_hits_total", "The count of cache hits.", typed),
	misses_family = ND_COUNTER(
		"coredns_cache_misses_total",
		"The count of cache misses. Deprecated, derive misses from cache hits/requests counters.",
		untyped),
	evictions_family = ND_COUNTER("coredns_cache_evictions_total",
				      "The count of cache evictions.", typed),
	prefetches_family =
		ND_COUNTER("coredns_cache_prefetch_total",
			   "The number of times the cache has prefetched a cached item.", untyped),
	stale_family = ND_COUNTER("coredns_cache_served_stale_total",
				  "The number of requests served from stale cache entries.",
				  untyped),
	drops_family = ND_COUNTER(
		"coredns_cache_drops_total",
		"The number responses that are not cached, because the reply is malformed.",
		untyped),
	hot_family = ND_COUNTER("nodens_cache_hot_refreshes_total",
				"The count of hot answers refreshed before their TTL ended.",
				untyped),
	refused_family = ND_COUNTER("nodens_cache_refreshes_refused_total",
				    "The count of refreshes not made because too many were running.",
				    untyped);

static const struct nd_metric_family
	adopted_family = ND_COUNTER("nodens_cache_file_adopted_total",
				    "The count of answers taken over from the cache file.", NULL),
	file_failures_family = ND_COUNTER("nodens_cache_file_write_failures_total",
					  "The count of failed attempts to write the cache file.",
					  NULL);

static void collect_file(void *ctx, struct nd_metric_out *out)
{
	const struct nd_persist *p = ctx;

	nd_metric_emit(out, &adopted_family, NULL, (double)nd_persist_adopted(p));
	nd_metric_emit(out, &file_failures_family, NULL, (double)nd_persist_failures(p));
}

/* The labels of a block on an endpoint. */
struct labels {
	const char *server, *zones, *view;
};

static void emit(struct nd_metric_out *out, const struct nd_metric_family *f,
		 const struct labels *l, const char *type, uint64_t n)
{
	const char *with_type[] = { l->server, type, l->zones, l->view };
	const char *without[] = { l->server, l->zones, l->view };

	if (n)
		nd_metric_emit(out, f, type ? with_type : without, (double)n);
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	const struct nd_cache *c = ctx;
	uint64_t success, denial;

	nd_store_count(c->store, nd_clock_now_ns(), &success, &denial);
	denial += nd_failures_count(c->failures, nd_clock_now_ns());
	for (size_t i = 0; i < c->gen->nendpoints; i++) {
		const struct nd_tally *t = c->tally[i];
		if (!t)
			continue;
		struct labels l = { c->gen->endpoints[i].label, c->zones_text, c->block->view };
		const char *values[] = { l.server, "success", l.zones, l.view };
		nd_metric_emit(out, &entries_family, values, (double)success);
		values[1] = "denial";
		nd_metric_emit(out, &entries_family, values, (double)denial);
		emit(out, &requests_family, &l, NULL, nd_tally_sum(t, ND_CACHE_REQUESTS));
		emit(out, &misses_family, &l, NULL, nd_tally_sum(t, ND_CACHE_MISSES));
		emit(out, &prefetches_family, &l, NULL, nd_tally_sum(t, ND_CACHE_PREFETCHES));
		emit(out, &stale_family, &l, NULL, nd_tally_sum(t, ND_CACHE_SERVED_STALE));
		emit(out, &drops_family, &l, NULL, nd_tally_sum(t, ND_CACHE_DROPS));
		emit(out, &hot_family, &l, NULL, nd_tally_sum(t, ND_CACHE_HOT_REFRESHES));
		emit(out, &refused_family, &l, NULL, nd_tally_sum(t, ND_CACHE_REFRESHES_REFUSED));
		emit(out, &hits_family, &l, "success", nd_tally_sum(t, ND_CACHE_HIT_SUCCESS));
		emit(out, &hits_family, &l, "denial", nd_tally_sum(t, ND_CACHE_HIT_DENIAL));
		emit(out, &evictions_family, &l, "success",
		     nd_tally_sum(t, ND_CACHE_EVICTED_SUCCESS));
		emit(out, &evictions_family, &l, "denial",
		     nd_tally_sum(t, ND_CACHE_EVICTED_DENIAL));
	}
}

int nd_cache_start(void *self, struct nd_setup *s)
{
	struct nd_cache *c = self;

	c->tally = nd_tally_by_endpoint(s, "cache", c->zones_text, ND_CACHE_CELLS);
	if (!c->tally)
		return ND_ELIMIT;
	nd_setup_collect(s, collect, c);
	if (c->persist && nd_persist_first(c->persist, s->gen))
		nd_setup_collect(s, collect_file, c->persist);
	return 0;
}
