/* SPDX-License-Identifier: Apache-2.0 */
/* The way in: answers from the tables. */
#include "plugin/cache/cache.h"

#include "plugin/cache/keep.h"
#include "plugin/cache/refresh.h"
#include "plugin/cache/variant.h"

/* More records than the stored index holds: their offsets are found by walking the body. */
static void index_body(struct nd_query *q, const struct nd_store_head *h)
{
	struct nd_answer *a = &q->ans;
	struct nd_msg m = { .base = a->w.base,
			    .len = (uint16_t)a->w.pos,
			    .question_end = a->body,
			    .count = { 1, h->count[0], h->count[1], h->count[2] } };
	struct nd_rr_iter iter = nd_rr_iter_over(&m);
	struct nd_rr rr;

	while (a->n < a->max && nd_rr_next(&iter, &rr))
		a->record[a->n++] = (struct nd_record){ .owner = rr.owner,
							.type = rr.type,
							.ttl_at = rr.ttl_at,
							.rdata = rr.rdata,
							.rdata_len = rr.rdata_len,
							.section = (uint8_t)rr.section };
}

static inline void use(struct nd_query *q, const struct nd_store_head *h, uint32_t ttl)
{
	struct nd_answer *a = &q->ans;

	a->w.pos = a->body + (size_t)h->body_len;
	a->count[0] = h->count[0];
	a->count[1] = h->count[1];
	a->count[2] = h->count[2];
	a->n = h->indexed;
	if (ND_UNLIKELY(h->n > ND_STORE_INDEXED))
		index_body(q, h);
	for (unsigned i = 0; i < a->n; i++)
		nd_answer_set_ttl(a, &a->record[i], ttl);
	q->rcode = h->rcode;
	a->flags = h->flags;
	if (!q->msg.edns.dnssec_ok && !(q->msg.flags & ND_FLAG_AD))
		a->flags &= (uint16_t)~ND_FLAG_AD; /* RFC 6840 s5.7 */
}

void nd_cache_use(struct nd_query *q, const struct nd_store_head *h, uint32_t ttl)
{
	use(q, h, ttl);
}

void nd_cache_use_stale(const struct nd_cache *c, struct nd_query *q,
			const struct nd_store_hit *hit)
{
	uint32_t ttl = c->stale.ttl_s;

	if (!ttl && c->keepttl) /* as in CoreDNS */
		ttl = hit->head.ttl_s;
	nd_metric_add(&nd_cache_cells(c, q)[ND_CACHE_SERVED_STALE], 1);
	use(q, &hit->head, ttl);
}

static inline enum nd_store_found find(const struct nd_cache *c, struct nd_query *q,
				       const struct nd_store_key *key, struct nd_store_hit *hit)
{
	struct nd_answer *a = &q->ans;

	return nd_store_find(c->store, key, q->worker->now_ns, a->w.base + a->body,
			     a->w.cap - a->body, a->record, hit);
}

/* The answer that is not good, without a good one. */
static enum nd_store_found find_other(const struct nd_cache *c, struct nd_query *q,
				      const struct nd_store_key *key, struct nd_store_hit *hit)
{
	struct nd_store_key other = nd_store_key(c->store, key->name, key->qtype, key->qclass,
						 key->flags | ND_STORE_OTHER);

	return c->stale.prefer_positive ? find(c, q, &other, hit) : ND_STORE_MISS;
}

enum nd_store_found nd_cache_find(const struct nd_cache *c, struct nd_query *q,
				  const struct nd_store_key *key, struct nd_store_hit *hit)
{
	enum nd_store_found found = find(c, q, key, hit);

	return found != ND_STORE_MISS ? found : find_other(c, q, key, hit);
}

enum nd_store_found nd_cache_look(const struct nd_cache *c, const struct nd_query *q,
				  const struct nd_store_key *key)
{
	uint64_t now = q->worker->now_ns;
	enum nd_store_found found = nd_store_look(c->store, key, now);

	if (found != ND_STORE_MISS || !c->stale.prefer_positive)
		return found;
	struct nd_store_key other = nd_store_key(c->store, key->name, key->qtype, key->qclass,
						 key->flags | ND_STORE_OTHER);
	return nd_store_look(c->store, &other, now);
}

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
	use(q, &hit->head, c->keepttl ? hit->head.ttl_s : hit->head.ttl_s - hit->age_s);
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
	use(q, &(struct nd_store_head){ .rcode = f.rcode, .flags = f.flags }, 0);
	return true;
}

static bool find_hop(const struct nd_cache *c, struct nd_query *q, const struct nd_store_key *key,
		     nd_metric_cell *n)
{
	struct nd_store_key hop = nd_store_key(c->store, key->name, key->qtype, key->qclass,
					       key->flags | ND_STORE_HOP);
	struct nd_store_hit hit;

	if (find(c, q, &hop, &hit) != ND_STORE_LIVE)
		return false;
	count_hit(n, &hit);
	use(q, &hit.head, c->keepttl ? hit.head.ttl_s : hit.head.ttl_s - hit.age_s);
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
		found = find_other(c, q, key, hit);
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
	nd_cache_use_stale(c, q, hit);
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
	enum nd_store_found found = find(c, q, &key, &hit);
	if (ND_LIKELY(found == ND_STORE_LIVE))
		return use_live(c, q, &key, &hit, n);
	return answer_slowly(c, q, &key, found, &hit);
}
