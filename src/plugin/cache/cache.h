/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - the instance of plugin cache, the state of a query, and functions of its files.
 *
 * Threads: set up on the control thread, const afterwards, except the tables and counters.
 */
#pragma once

#include "core/gen.h"
#include "core/setup.h"
#include "core/worker.h"
#include "plugin/cache/failures.h"
#include "plugin/cache/persist.h"
#include "plugin/cache/store.h"

enum {
	ND_CACHE_STALE_S = 3600,  /* `serve_stale` without a duration */
	ND_CACHE_RECHECK_S = 300, /* longest FAILURE_RECHECK of `serve_stale` */
	/* The node agent's default: `serve_stale 1h verify 300ms`. */
	ND_CACHE_AGENT_TIMEOUT_MS = 300,
	/* Answers with this TTL or more that were used this often are refreshed in the last tenth
	 * of it, without `prefetch`. */
	ND_CACHE_HOT_TTL_S = 10,
	ND_CACHE_HOT_USES = 3,
};

struct nd_cache_limits {
	uint32_t capacity, ttl_max_s, ttl_min_s;
	struct nd_name *off; /* `disable`: zones whose answers of this kind are not stored */
	size_t noff;
};

/* `prefetch`: an answer with `amount` hits, less than gap_ns apart, is refreshed when `percent` of
 * its TTL is left. */
struct nd_cache_prefetch {
	bool set;        /* false: hot answers are refreshed */
	uint32_t amount; /* 0: none is */
	uint64_t gap_ns;
	uint32_t percent;
};

/* `serve_stale`. */
struct nd_cache_stale {
	bool set, verify, prefer_positive;
	uint32_t most_s; /* an answer is used for this long after its TTL; 0: not */
	uint64_t timeout_ns;
	uint32_t ttl_s; /* of stale answers */
	uint64_t recheck_ns;
};

struct nd_cache {
	struct nd_cache_limits success, denial;
	int64_t servfail_ns;
	bool keepttl;
	struct nd_cache_prefetch prefetch;
	struct nd_cache_stale stale;
	struct nd_name *zones;
	size_t nzones;
	bool everything;            /* the zones include the root */
	struct nd_persist *persist; /* NULL: no -cache-file */
	struct nd_store *store;
	struct nd_failures *failures;
	struct nd_tally **tally; /* by endpoint */
	const char *zones_text;
	struct nd_gen *gen;
	struct nd_block *block;
};

/* Cells of a tally. */
enum {
	ND_CACHE_REQUESTS,
	ND_CACHE_HIT_SUCCESS,
	ND_CACHE_HIT_DENIAL,
	ND_CACHE_MISSES,
	ND_CACHE_EVICTED_SUCCESS,
	ND_CACHE_EVICTED_DENIAL,
	ND_CACHE_PREFETCHES,
	ND_CACHE_HOT_REFRESHES,
	ND_CACHE_REFRESHES_REFUSED,
	ND_CACHE_SERVED_STALE,
	ND_CACHE_DROPS,
	ND_CACHE_CELLS
};

/* Of a query that the cache does not answer at once, or that refreshes an answer. */
struct nd_cache_state {
	uint64_t hash;   /* of the key without HOP and OTHER */
	uint32_t at;     /* refreshes: the entry of the store */
	uint8_t flags;   /* of the key: DO, CD */
	uint8_t variant; /* enum nd_variant */
	bool ad;         /* the client set AD */
	bool stale;      /* there is a stale answer; used if there is no good new one */
	bool holds;      /* the entry at `at` is marked as being refreshed, by this query */
	bool background; /* has no client */
	/* It waits, or has waited, for a refresh; background: the one that waits for it. */
	struct nd_refresh_wait *wait;
};

static inline struct nd_store_key nd_cache_key(const struct nd_query *q,
					       const struct nd_cache_state *s)
{
	return (struct nd_store_key){ .hash = s->hash,
				      .name = q->msg.qname,
				      .qtype = q->msg.qtype,
				      .qclass = q->msg.qclass,
				      .flags = s->flags };
}

/* This worker's counters for q's listener. */
static inline nd_metric_cell *nd_cache_cells(const struct nd_cache *c, const struct nd_query *q)
{
	return nd_tally_cells(c->tally[q->endpoint->index], q->worker->id);
}

/* --- cache_answer.c --- */

/* The plugin's `query`. */
enum nd_verdict nd_cache_answer(const void *self, struct nd_query *q);

/* --- cache_setup.c, cache_metrics.c --- */

extern const struct nd_setting nd_cache_settings[];
int nd_cache_setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s);
int nd_cache_start(void *self, struct nd_setup *s);
void nd_cache_serving(void *self);
