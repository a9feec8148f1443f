/* SPDX-License-Identifier: Apache-2.0 */
/* refresh.h - newer answers for entries that expire soon (prefetch, hot ones) or have expired
 * (serve_stale).
 *
 * An entry is refreshed by one query at a time, over all workers: that marks the entry in the
 * store. The mark ends with the query, or after ND_REFRESH_MARK_S.
 *
 * Threads: workers.
 */
#pragma once

#include "plugin/cache/cache.h"
#include "plugin/cache/variant.h"

enum {
	ND_REFRESH_MARK_S = ND_WORKER_TIMEOUT_S + 2,
};

void nd_refresh_cancel(const void *self, struct nd_query_ref ref);

/* Starts a refresh if it is due: a hit of an entry that may need one. q has its answer. */
void nd_refresh_on_hit(const struct nd_cache *c, struct nd_query *q, const struct nd_store_key *key,
		       const struct nd_store_hit *hit);
/* The same after a stale answer (`serve_stale immediate`). */
void nd_refresh_stale(const struct nd_cache *c, struct nd_query *q, const struct nd_store_key *key,
		      const struct nd_store_hit *hit);

/* `return nd_refresh_ask()`: a miss. nd_keep_reply() gets the answer of the plugins below. */
enum nd_verdict nd_refresh_ask(const struct nd_cache *c, struct nd_query *q,
			       const struct nd_store_key *key, enum nd_variant variant);
/* `return nd_refresh_verify()`: there is a stale answer (`serve_stale verify`), which was copied
 * into q's answer. Asks the plugins below first. */
enum nd_verdict nd_refresh_verify(const struct nd_cache *c, struct nd_query *q,
				  const struct nd_store_key *key, enum nd_variant variant,
				  const struct nd_store_hit *hit);
/* q's answer is there, or there is none: ends its mark, and resumes the query that waits for it. */
void nd_refresh_end(const struct nd_cache *c, struct nd_query *q, struct nd_cache_state *s,
		    bool refreshed);
