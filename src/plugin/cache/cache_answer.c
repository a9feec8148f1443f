/* SPDX-License-Identifier: Apache-2.0 */
/* The way in: answers from the tables. keep.c is the way back. */
#include "plugin/cache/cache.h"

#include "plugin/cache/hit.h"
#include "plugin/cache/keep.h"
#include "plugin/cache/refresh.h"
#include "plugin/cache/variant.h"

static void count_hit(nd_metric_cell *n, const struct nd_store_hit *hit)
{
	nd_metric_add(&n[hit->head.kind == ND_STORE_SUCCESS ? ND_CACHE_HIT_SUCCESS
							    : ND_CACHE_HIT_DENIAL],
		      1);
}

static inline enum nd_verdict use_live(const struct nd_cache *c, struct nd_query *q,
				       const struct nd_store_key *key,
				       const struct nd_store_hit *hit, nd_metric_cell *n)
{
	count_hit(n, hit);
	nd_hit_use_live(c, q, hit);
	if (ND_UNLIKELY(hit->age_s >= hit->head.refresh_s))
		nd_refresh_on_hit(c, q, key, hit);
	return ND_DONE;
}

static bool find_failure(const struct nd_cache *c, struct nd_query *q, uint64_t hash,
			 nd_metric_cell *n)
{
	struct nd_failure f;

	if (!nd_failures_find(c->failures, nd_keep_failure_hash(q, hash), q->worker->now_ns, &f))
		return false;
	nd_metric_add(&n[ND_CACHE_HIT_DENIAL], 1);
	nd_hit_use(q, &(struct nd_store_head){ .rcode = f.rcode, .flags = f.flags }, 0);
	return true;
}

static bool find_hop(const struct nd_cache *c, struct nd_query *q, const struct nd_store_key *key,
		     nd_metric_cell *n)
{
	struct nd_store_key hop = nd_store_key(c->store, key->name, key->qtype, key->qclass,
					       key->flags | ND_STORE_HOP);
	struct nd_store_hit hit;

	if (nd_hit_find(c, q, &hop, &hit) != ND_STORE_LIVE)
		return false;
	count_hit(n, &hit);
	nd_hit_use_live(c, q, &hit);
	return true;
}

/* Without a live answer under the ordinary key: one under another key, a failure, a stale one, or a
 * miss. */
static enum nd_verdict answer_slowly(const struct nd_cache *c, struct nd_query *q,
				     const struct nd_store_key *key, enum nd_store_found found,
				     struct nd_store_hit *hit)
{
	enum nd_variant variant = nd_variant_of(q);
	nd_metric_cell *n = nd_cache_cells(c, q);

	if (found == ND_STORE_MISS)
		found = nd_hit_find_other(c, q, key, hit);
	if (found == ND_STORE_LIVE)
		return use_live(c, q, key, hit, n);
	if (variant == ND_VARIANT_HOP && find_hop(c, q, key, n))
		return ND_DONE;
	if (found == ND_STORE_MISS) {
		if (find_failure(c, q, key->hash, n))
			return ND_DONE;
		nd_metric_add(&n[ND_CACHE_MISSES], 1);
		return nd_refresh_ask(c, q, key, variant);
	}
	count_hit(n, hit);
	if (c->stale.verify)
		return nd_refresh_verify(c, q, key, variant, hit);
	nd_hit_use_stale(c, q, hit);
	nd_refresh_stale(c, q, key, hit);
	return ND_DONE;
}

enum nd_verdict nd_cache_answer(const void *self, struct nd_query *q)
{
	const struct nd_cache *c = self;
	struct nd_store_hit hit;

	if (nd_msg_opcode(&q->msg) != ND_OPCODE_QUERY)
		return ND_NEXT;
	if (ND_UNLIKELY(!c->everything) && !nd_setup_zone_match(c->zones, c->nzones, q->msg.qname))
		return ND_NEXT;

	uint8_t flags = (q->msg.edns.dnssec_ok ? ND_STORE_DO : 0) |
			(q->msg.flags & ND_FLAG_CD ? ND_STORE_CD : 0);
	struct nd_store_key key = nd_store_key(c->store, q->msg.qname, q->msg.qtype, q->msg.qclass,
					       flags);
	nd_metric_cell *n = nd_cache_cells(c, q);
	nd_metric_add(&n[ND_CACHE_REQUESTS], 1);
	enum nd_store_found found = nd_hit_find(c, q, &key, &hit);
	if (ND_LIKELY(found == ND_STORE_LIVE))
		return use_live(c, q, &key, &hit, n);
	return answer_slowly(c, q, &key, found, &hit);
}
