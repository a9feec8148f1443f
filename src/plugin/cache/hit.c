/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/hit.h"

void nd_hit_index(struct nd_query *q, const struct nd_store_head *h)
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

void nd_hit_use_stale(const struct nd_cache *c, struct nd_query *q, const struct nd_store_hit *hit)
{
	uint32_t ttl = c->stale.ttl_s;

	if (!ttl && c->keepttl) /* as in CoreDNS */
		ttl = hit->head.ttl_s;
	nd_metric_add(&nd_cache_cells(c, q)[ND_CACHE_SERVED_STALE], 1);
	nd_hit_use(q, &hit->head, ttl);
}

static struct nd_store_key other_key(const struct nd_cache *c, const struct nd_store_key *key)
{
	return nd_store_key(c->store, key->name, key->qtype, key->qclass,
			    key->flags | ND_STORE_OTHER);
}

enum nd_store_found nd_hit_find_other(const struct nd_cache *c, struct nd_query *q,
				      const struct nd_store_key *key, struct nd_store_hit *hit)
{
	struct nd_store_key other = other_key(c, key);

	return c->stale.prefer_positive ? nd_hit_find(c, q, &other, hit) : ND_STORE_MISS;
}

enum nd_store_found nd_hit_look(const struct nd_cache *c, const struct nd_query *q,
				const struct nd_store_key *key)
{
	uint64_t now = q->worker->now_ns;
	enum nd_store_found found = nd_store_look(c->store, key, now);

	if (found != ND_STORE_MISS || !c->stale.prefer_positive)
		return found;
	struct nd_store_key other = other_key(c, key);
	return nd_store_look(c->store, &other, now);
}
