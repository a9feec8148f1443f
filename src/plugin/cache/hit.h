/* SPDX-License-Identifier: Apache-2.0 */
/* hit.h - what the store has for a query, as its answer.
 *
 * Threads: workers. Inline where a cached answer passes.
 */
#pragma once

#include "plugin/cache/cache.h"

/* Fills the index of records from the body: it has more than the stored index holds. */
void nd_hit_index(struct nd_query *q, const struct nd_store_head *h);

/* Looks for an answer, live or stale. It is copied into q's open answer, whose length stays. */
static inline enum nd_store_found nd_hit_find(const struct nd_cache *c, struct nd_query *q,
					      const struct nd_store_key *key,
					      struct nd_store_hit *hit)
{
	struct nd_answer *a = &q->ans;

	return nd_store_find(c->store, key, q->worker->now_ns, a->w.base + a->body,
			     a->w.cap - a->body, a->record, hit);
}

/* Makes what was found q's answer: with this TTL, AD as the client wants it. */
static inline void nd_hit_use(struct nd_query *q, const struct nd_store_head *h, uint32_t ttl)
{
	struct nd_answer *a = &q->ans;

	a->w.pos = a->body + (size_t)h->body_len;
	a->count[0] = h->count[0];
	a->count[1] = h->count[1];
	a->count[2] = h->count[2];
	a->n = h->indexed;
	if (ND_UNLIKELY(h->n > ND_STORE_INDEXED))
		nd_hit_index(q, h);
	for (unsigned i = 0; i < a->n; i++)
		nd_answer_set_ttl(a, &a->record[i], ttl);
	q->rcode = h->rcode;
	a->flags = h->flags;
	if (!q->msg.edns.dnssec_ok && !(q->msg.flags & ND_FLAG_AD))
		a->flags &= (uint16_t)~ND_FLAG_AD; /* RFC 6840 s5.7 */
}

/* The same with a live answer. */
static inline void nd_hit_use_live(const struct nd_cache *c, struct nd_query *q,
				   const struct nd_store_hit *hit)
{
	nd_hit_use(q, &hit->head, c->keepttl ? hit->head.ttl_s : hit->head.ttl_s - hit->age_s);
}

/* The same with a stale one, which is counted. */
void nd_hit_use_stale(const struct nd_cache *c, struct nd_query *q, const struct nd_store_hit *hit);
/* With `prefer_positive`, the answer that is not good. */
enum nd_store_found nd_hit_find_other(const struct nd_cache *c, struct nd_query *q,
				      const struct nd_store_key *key, struct nd_store_hit *hit);
/* Is there a good answer, or without one another? No copy, and no use of it. */
enum nd_store_found nd_hit_look(const struct nd_cache *c, const struct nd_query *q,
				const struct nd_store_key *key);
