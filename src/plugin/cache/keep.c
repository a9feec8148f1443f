/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/keep.h"

#include <string.h>
#include "plugin/cache/classify.h"
#include "plugin/cache/hit.h"
#include "plugin/cache/refresh.h"
#include "plugin/cache/variant.h"

uint64_t nd_keep_failure_hash(const struct nd_query *q, uint64_t hash)
{
	return q->msg.edns.present ? ~hash : hash;
}

/* --- times --- */

/* CoreDNS's dnsutil.MinimalTTL: 5 s without records, and for kinds that are not answers. */
static uint32_t smallest_ttl(const struct nd_answer *a, struct nd_classify what, uint32_t max)
{
	if (what.kind == ND_CLASSIFY_FAILURE || what.kind == ND_CLASSIFY_OTHER || what.delegation ||
	    a->n == 0)
		return 5;
	for (unsigned i = 0; i < a->n; i++) {
		uint32_t ttl = nd_answer_ttl(a, &a->record[i]);
		if (ttl < max)
			max = ttl;
	}
	return max;
}

static uint32_t bound(uint32_t ttl, const struct nd_cache_limits *l)
{
	if (ttl < l->ttl_min_s)
		ttl = l->ttl_min_s;
	return ttl > l->ttl_max_s ? l->ttl_max_s : ttl;
}

static uint32_t ttl_of(const struct nd_cache *c, const struct nd_query *q, struct nd_classify what)
{
	bool denial = what.kind == ND_CLASSIFY_NODATA || what.kind == ND_CLASSIFY_NXDOMAIN;
	const struct nd_cache_limits *l = denial ? &c->denial : &c->success;

	if (what.kind == ND_CLASSIFY_FAILURE)
		return (uint32_t)(c->servfail_ns / ND_NS_PER_S);
	uint32_t ttl = bound(smallest_ttl(&q->ans, what, l->ttl_max_s), l);
	return ttl < what.signed_s ? ttl : what.signed_s;
}

/* Signatures do not expire in a stale answer either. */
static uint32_t usable_for(const struct nd_cache *c, uint32_t ttl, struct nd_classify what)
{
	uint32_t until = ttl > UINT32_MAX - c->stale.most_s ? UINT32_MAX : ttl + c->stale.most_s;

	return until < what.signed_s ? until : what.signed_s;
}

/* The age from which hits may need a refresh. */
static uint32_t refresh_after(const struct nd_cache *c, uint32_t ttl)
{
	if (c->prefetch.set)
		return c->prefetch.amount ? 0 : UINT32_MAX;
	return ttl >= ND_CACHE_HOT_TTL_S ? ttl - (ttl + 9) / 10 : UINT32_MAX;
}

/* --- storing --- */

static bool is_off(const struct nd_cache_limits *l, const struct nd_query *q)
{
	return l->noff && nd_setup_zone_match(l->off, l->noff, q->msg.qname);
}

static void count(const struct nd_cache *c, const struct nd_query *q, unsigned cell)
{
	nd_metric_add(&nd_cache_cells(c, q)[cell], 1);
}

/* CoreDNS's request.Match: a plugin that renames the question restores it. An answer to another
 * question must never be stored. */
static bool answers_the_question(const struct nd_cache *c, const struct nd_query *q,
				 const struct nd_cache_state *s)
{
	const struct nd_msg *m = &q->msg;

	return nd_store_key(c->store, m->qname, m->qtype, m->qclass, s->flags).hash == s->hash;
}

static void put(const struct nd_cache *c, struct nd_query *q, const struct nd_store_key *key,
		struct nd_store_head *h)
{
	const struct nd_answer *a = &q->ans;
	nd_metric_cell *n = nd_cache_cells(c, q);
	struct nd_store_evicted evicted;

	nd_store_put(c->store, key, h, a->record, a->w.base + a->body, q->worker->now_ns, &evicted);
	nd_metric_add(&n[ND_CACHE_EVICTED_SUCCESS], evicted.n[ND_STORE_SUCCESS]);
	nd_metric_add(&n[ND_CACHE_EVICTED_DENIAL], evicted.n[ND_STORE_DENIAL]);
}

/* The key with this flag. */
static struct nd_store_key flagged(const struct nd_cache *c, const struct nd_store_key *key,
				   uint8_t flag)
{
	return nd_store_key(c->store, key->name, key->qtype, key->qclass, key->flags | flag);
}

/* `prefer_positive`: a good answer and another one are kept beside each other, but no other one
 * that is older than the good one. */
static void store(const struct nd_cache *c, struct nd_query *q, const struct nd_cache_state *s,
		  struct nd_classify what, uint32_t ttl)
{
	const struct nd_answer *a = &q->ans;
	bool success = what.kind == ND_CLASSIFY_SUCCESS;
	struct nd_store_key key = nd_cache_key(q, s);
	struct nd_store_head h = {
		.ttl_s = ttl,
		.until_s = usable_for(c, ttl, what),
		.refresh_s = refresh_after(c, ttl),
		.kind = success ? ND_STORE_SUCCESS : ND_STORE_DENIAL,
		.rcode = q->rcode,
		.flags = a->flags & (ND_FLAG_AA | ND_FLAG_AD | ND_FLAG_RA),
		.n = a->n,
		.body = a->body,
	};

	if (is_off(success ? &c->success : &c->denial, q) || a->w.pos - a->body > UINT16_MAX)
		return;
	if (!answers_the_question(c, q, s)) {
		count(c, q, ND_CACHE_DROPS);
		return;
	}
	h.body_len = (uint16_t)(a->w.pos - a->body);
	memcpy(h.count, a->count, sizeof h.count);
	if (s->variant == ND_VARIANT_HOP) {
		key = flagged(c, &key, ND_STORE_HOP);
		h.refresh_s = UINT32_MAX;
	} else if (c->stale.prefer_positive) {
		struct nd_store_key other = flagged(c, &key, ND_STORE_OTHER);
		if (!what.answers)
			key = other;
		else
			(void)nd_store_remove(c->store, &other);
	}
	put(c, q, &key, &h);
}

/* Not those of a query with options: an upstream may fail because of them. */
static void store_failure(const struct nd_cache *c, struct nd_query *q,
			  const struct nd_cache_state *s)
{
	uint32_t ttl_s = (uint32_t)(c->servfail_ns / ND_NS_PER_S);
	struct nd_failure f = { .rcode = q->rcode, .flags = q->failed ? 0 : q->ans.flags };

	if (!ttl_s || s->background || s->variant != ND_VARIANT_ORDINARY || is_off(&c->denial, q))
		return;
	if (nd_failures_put(c->failures, nd_keep_failure_hash(q, s->hash), q->worker->now_ns, ttl_s,
			    f))
		count(c, q, ND_CACHE_EVICTED_DENIAL);
}

/* --- the way back --- */

/* A reply: all of its records get the TTL from which the cached answer counts down. */
static void keep(const struct nd_cache *c, struct nd_query *q, const struct nd_cache_state *s,
		 struct nd_classify what)
{
	struct nd_answer *a = &q->ans;
	uint32_t ttl = ttl_of(c, q, what);

	for (unsigned i = 0; i < a->n; i++)
		nd_answer_set_ttl(a, &a->record[i], ttl);
	if (what.keep && what.kind == ND_CLASSIFY_FAILURE)
		store_failure(c, q, s);
	else if (what.keep && what.kind != ND_CLASSIFY_OTHER && ttl && s->variant != ND_VARIANT_OWN)
		store(c, q, s, what, ttl);
	if (!q->msg.edns.dnssec_ok && !(q->msg.flags & ND_FLAG_AD))
		a->flags &= (uint16_t)~ND_FLAG_AD;
}

/* May this reply take the place of a stale answer? RFC 8767 s4: NOERROR or NXDOMAIN. */
static bool replaces_stale(const struct nd_cache *c, const struct nd_query *q,
			   struct nd_classify what)
{
	if (q->ans.flags & ND_FLAG_TC || what.kind == ND_CLASSIFY_OTHER ||
	    what.kind == ND_CLASSIFY_FAILURE)
		return false;
	return !c->stale.prefer_positive || (what.kind == ND_CLASSIFY_SUCCESS && what.answers);
}

/* The client gets what the store has. If that was evicted meanwhile: the answer of the plugins
 * below if there is one, else SERVFAIL. */
static void use_stored(const struct nd_cache *c, struct nd_query *q, const struct nd_cache_state *s)
{
	struct nd_store_key key = nd_cache_key(q, s);
	struct nd_store_hit hit;

	if (!s->wait && nd_hit_look(c, q, &key) == ND_STORE_MISS)
		return;
	nd_answer_reset(q);
	enum nd_store_found found = nd_hit_find(c, q, &key, &hit);
	if (found == ND_STORE_MISS)
		found = nd_hit_find_other(c, q, &key, &hit);
	if (found == ND_STORE_MISS) {
		nd_query_fail(q, ND_RCODE_SERVFAIL, "the stale answer was evicted");
		return;
	}
	q->failed = false;
	q->error = NULL;
	if (found == ND_STORE_STALE)
		nd_hit_use_stale(c, q, &hit);
	else
		nd_hit_use_live(c, q, &hit);
}

/* True: q has an answer for its client. */
static bool keep_reply(const struct nd_cache *c, struct nd_query *q, const struct nd_cache_state *s)
{
	if (q->overload)
		return false;
	if (q->failed) {
		/* There was no reply; equal queries within the time get the same answer (1.15). */
		if (q->rcode == ND_RCODE_SERVFAIL && !s->stale)
			store_failure(c, q, s);
		return false;
	}
	q->ans.opt = q->ans.ede > 0; /* an upstream's OPT concerns one hop (RFC 6891 s6.2.3) */
	q->ans.opt_options_len = 0;
	struct nd_classify what = nd_classify_answer(q, nd_clock_wall_ns);
	bool good = !s->stale || replaces_stale(c, q, what);
	/* With `prefer_positive` a denial is kept beside the good answer. */
	if (good || (c->stale.prefer_positive && what.kind != ND_CLASSIFY_FAILURE))
		keep(c, q, s, what);
	return good;
}

void nd_keep_reply(const void *self, struct nd_query *q)
{
	const struct nd_cache *c = self;
	struct nd_cache_state *s = nd_query_state(q);

	if (!s->ad)
		q->msg.flags &= (uint16_t)~ND_FLAG_AD;
	bool waited = s->wait && !s->background;
	bool good = !waited && !q->drop && keep_reply(c, q, s);
	nd_refresh_end(c, q, s, good);
	if (!good && s->stale && !s->background && !q->drop)
		use_stored(c, q, s);
}
