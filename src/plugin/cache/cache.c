/* SPDX-License-Identifier: Apache-2.0 */
/* cache - keeps answers in the form in which they are sent (CoreDNS's cache, 1.15). */
#include <string.h>
#include "core/gen.h"
#include "core/worker.h"
#include "plugin/cache/cache.h"
#include "plugin/cache/classify.h"
#include "plugin/cache/variant.h"

struct state {
	uint64_t hash;
	uint8_t flags;
	uint8_t variant; /* enum nd_variant */
	bool ad;         /* the client set AD */
};

/* --- answering --- */

static nd_metric_cell *cells(const struct nd_cache *c, const struct nd_query *q)
{
	return nd_tally_cells(c->tally[q->endpoint->index], q->worker->id);
}

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

static void use_hit(const struct nd_cache *c, struct nd_query *q, const struct nd_store_head *h)
{
	struct nd_answer *a = &q->ans;
	uint32_t ttl = h->ttl_s;

	if (!c->keepttl && q->worker->now_ns > h->stored_ns)
		ttl -= (uint32_t)((q->worker->now_ns - h->stored_ns) / ND_NS_PER_S);
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

/* Of the failures also whether there was an OPT: upstreams exist that answer every OPT with NOTIMP
 * or SERVFAIL. */
static uint64_t failure_hash(const struct nd_query *q, uint64_t hash)
{
	return q->msg.edns.present ? ~hash : hash;
}

static bool find_answer(const struct nd_cache *c, struct nd_query *q,
			const struct nd_store_key *key, nd_metric_cell *n)
{
	struct nd_answer *a = &q->ans;
	struct nd_store_head h;

	if (!nd_store_find(c->store, key, q->worker->now_ns, a->w.base + a->body,
			   a->w.cap - a->body, a->record, &h))
		return false;
	nd_metric_add(&n[h.kind == ND_STORE_SUCCESS ? ND_CACHE_HIT_SUCCESS : ND_CACHE_HIT_DENIAL],
		      1);
	use_hit(c, q, &h);
	return true;
}

static bool find_failure(const struct nd_cache *c, struct nd_query *q, uint64_t hash,
			 nd_metric_cell *n)
{
	struct nd_failure f;

	if (!nd_failures_find(c->failures, failure_hash(q, hash), q->worker->now_ns, &f))
		return false;
	nd_metric_add(&n[ND_CACHE_HIT_DENIAL], 1);
	use_hit(c, q, &(struct nd_store_head){ .rcode = f.rcode, .flags = f.flags });
	return true;
}

/* Not in the table under its ordinary key: an answer of its variant, a failure, or a miss. */
static enum nd_verdict handle_absent(const struct nd_cache *c, struct nd_query *q,
				     struct nd_store_key *key, nd_metric_cell *n)
{
	enum nd_variant variant = nd_variant_of(q);
	uint64_t ordinary = key->hash;

	if (variant == ND_VARIANT_HOP) {
		*key = nd_store_key(c->store, key->name, key->qtype, key->qclass,
				    key->flags | ND_STORE_HOP);
		if (find_answer(c, q, key, n))
			return ND_DONE;
	}
	if (find_failure(c, q, ordinary, n))
		return ND_DONE;
	nd_metric_add(&n[ND_CACHE_MISSES], 1);
	struct state *s = nd_query_state(q);
	if (s) {
		s->hash = key->hash;
		s->flags = key->flags;
		s->variant = variant;
		/* AD asks for AD (RFC 6840 s5.7): without it a validating upstream leaves AD out,
		 * and the answer is kept for clients that ask for it. */
		s->ad = q->msg.flags & ND_FLAG_AD;
		q->msg.flags |= ND_FLAG_AD;
		nd_query_want_reply(q);
	}
	return ND_NEXT;
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct nd_cache *c = self;

	if (nd_msg_opcode(&q->msg) != ND_OPCODE_QUERY)
		return ND_NEXT;
	if (ND_UNLIKELY(!c->everything) && !nd_setup_zone_match(c->zones, c->nzones, q->msg.qname))
		return ND_NEXT;

	uint8_t flags = (q->msg.edns.dnssec_ok ? ND_STORE_DO : 0) |
			(q->msg.flags & ND_FLAG_CD ? ND_STORE_CD : 0);
	struct nd_store_key key = nd_store_key(c->store, q->msg.qname, q->msg.qtype, q->msg.qclass,
					       flags);
	nd_metric_cell *n = cells(c, q);
	nd_metric_add(&n[ND_CACHE_REQUESTS], 1);
	return find_answer(c, q, &key, n) ? ND_DONE : handle_absent(c, q, &key, n);
}

/* --- storing --- */

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

static bool is_off(const struct nd_cache_limits *l, const struct nd_query *q)
{
	return l->noff && nd_setup_zone_match(l->off, l->noff, q->msg.qname);
}

static void store(const struct nd_cache *c, struct nd_query *q, const struct state *s,
		  enum nd_store_kind kind, uint32_t ttl)
{
	struct nd_answer *a = &q->ans;
	struct nd_store_key key = { .hash = s->hash,
				    .name = q->msg.qname,
				    .qtype = q->msg.qtype,
				    .qclass = q->msg.qclass,
				    .flags = s->flags };
	struct nd_store_head h = { .ttl_s = ttl,
				   .kind = (uint8_t)kind,
				   .rcode = q->rcode,
				   .flags = (a->flags & (ND_FLAG_AD | ND_FLAG_RA)) | ND_FLAG_AA,
				   .n = a->n,
				   .body = a->body };

	if (is_off(kind == ND_STORE_SUCCESS ? &c->success : &c->denial, q) ||
	    a->w.pos - a->body > UINT16_MAX)
		return;
	h.body_len = (uint16_t)(a->w.pos - a->body);
	memcpy(h.count, a->count, sizeof h.count);
	enum nd_store_put did = nd_store_put(c->store, q->worker->id + 1u, &key, &h, a->record,
					     a->w.base + a->body, q->worker->now_ns);
	if (did == ND_STORE_EVICTED_SUCCESS)
		nd_metric_add(&cells(c, q)[ND_CACHE_EVICTED_SUCCESS], 1);
	else if (did == ND_STORE_EVICTED_DENIAL)
		nd_metric_add(&cells(c, q)[ND_CACHE_EVICTED_DENIAL], 1);
}

/* Not those of a query with options: an upstream may fail because of them. */
static void store_failure(const struct nd_cache *c, struct nd_query *q, const struct state *s)
{
	uint32_t ttl_s = (uint32_t)(c->servfail_ns / ND_NS_PER_S);
	struct nd_failure f = { .rcode = q->rcode };

	if (!ttl_s || s->variant != ND_VARIANT_ORDINARY || is_off(&c->denial, q))
		return;
	if (!q->failed) /* a reply of an upstream */
		f.flags = q->ans.flags | ND_FLAG_AA;
	if (nd_failures_put(c->failures, failure_hash(q, s->hash), q->worker->now_ns, ttl_s, f))
		nd_metric_add(&cells(c, q)[ND_CACHE_EVICTED_DENIAL], 1);
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

static void on_reply(const void *self, struct nd_query *q)
{
	const struct nd_cache *c = self;
	const struct state *s = nd_query_state(q);
	struct nd_answer *a = &q->ans;

	if (!s->ad)
		q->msg.flags &= (uint16_t)~ND_FLAG_AD;
	if (q->drop || q->overload)
		return;
	if (q->failed) {
		/* There was no reply; equal queries within the time get the same answer (1.15). */
		if (q->rcode == ND_RCODE_SERVFAIL)
			store_failure(c, q, s);
		return;
	}
	a->opt = a->ede > 0; /* an upstream's OPT concerns one hop (RFC 6891 s6.2.3) */
	a->opt_options_len = 0;
	struct nd_classify what = nd_classify_answer(q, nd_clock_wall_ns);
	uint32_t ttl = ttl_of(c, q, what);
	/* All records get the TTL from which the cached answer counts down, in this reply too. */
	for (unsigned i = 0; i < a->n; i++)
		nd_answer_set_ttl(a, &a->record[i], ttl);
	if (what.keep && what.kind == ND_CLASSIFY_FAILURE)
		store_failure(c, q, s);
	else if (what.keep && what.kind != ND_CLASSIFY_OTHER && ttl && s->variant != ND_VARIANT_OWN)
		store(c, q, s,
		      what.kind == ND_CLASSIFY_SUCCESS ? ND_STORE_SUCCESS : ND_STORE_DENIAL, ttl);
	if (!q->msg.edns.dnssec_ok && !(q->msg.flags & ND_FLAG_AD))
		a->flags &= (uint16_t)~ND_FLAG_AD;
}

const struct nd_plugin nd_plugin_cache = {
	.name = "cache",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct nd_cache),
	.query_size = sizeof(struct state),
	.settings = nd_cache_settings,
	.setup = nd_cache_setup,
	.start = nd_cache_start,
	.query = answer,
	.reply = on_reply,
};
