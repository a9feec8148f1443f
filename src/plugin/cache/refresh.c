/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/refresh.h"

#include "plugin/cache/hit.h"

/* Of a query that waits for a refresh in the background. Either may end first: the query, and its
 * memory with it, at the timeout. */
struct nd_refresh_wait {
	struct nd_timer timer;
	struct nd_query_ref ref;
	struct nd_cache_state *refresh; /* its `wait` is this; NULL: it has ended */
};

static void stop_waiting(struct nd_refresh_wait *w)
{
	nd_timer_stop(&w->timer);
	if (w->refresh)
		w->refresh->wait = NULL;
	w->refresh = NULL;
}

/* --- queries in the background --- */

struct background {
	const struct nd_store_key *key;
	uint32_t at;
	bool stale;
	struct nd_cache_state *state; /* set: of the new query, or NULL */
};

static void begin(const void *self, struct nd_query *b, void *ctx)
{
	struct background *from = ctx;
	struct nd_cache_state *s = nd_query_state(b);
	(void)self;

	if (!s)
		return; /* nothing is kept; the mark ends by its time */
	*s = (struct nd_cache_state){ .hash = from->key->hash,
				      .at = from->at,
				      .flags = from->key->flags,
				      .variant = ND_VARIANT_ORDINARY,
				      .stale = from->stale,
				      .holds = true,
				      .background = true };
	from->state = s;
	nd_query_want_reply(b);
}

/* Over TCP if the answer was too long for UDP: a cut one is not kept. */
static enum nd_proto proto_for(const struct nd_query *q, const struct nd_store_head *h)
{
	const struct nd_edns *e = &q->msg.edns;
	size_t limit = e->present && e->udp_size > 512 ? e->udp_size : 512;

	return (size_t)h->body + h->body_len + ND_EDNS_HEAD > limit ? ND_PROTO_TCP : ND_PROTO_UDP;
}

/* q's entry is marked. *state: that of the new query, or NULL. False: there is no room for the
 * query, and the mark has ended. */
static bool start(const struct nd_cache *c, struct nd_query *q, const struct nd_store_key *key,
		  const struct nd_store_hit *hit, bool stale, struct nd_cache_state **state)
{
	struct background ctx = { .key = key, .at = hit->at, .stale = stale };

	if (nd_query_background(q, proto_for(q, &hit->head), begin, &ctx)) {
		if (state)
			*state = ctx.state;
		return true;
	}
	nd_store_end_refresh(c->store, hit->at, 0);
	nd_metric_add(&nd_cache_cells(c, q)[ND_CACHE_REFRESHES_REFUSED], 1);
	return false;
}

static bool mark(const struct nd_cache *c, const struct nd_query *q, uint32_t at)
{
	return nd_store_begin_refresh(c->store, at, q->worker->now_ns, ND_S(ND_REFRESH_MARK_S));
}

void nd_refresh_on_hit(const struct nd_cache *c, struct nd_query *q, const struct nd_store_key *key,
		       const struct nd_store_hit *hit)
{
	const struct nd_cache_prefetch *p = &c->prefetch;
	uint64_t ttl = hit->head.ttl_s, left = ttl - hit->age_s;
	unsigned cell = ND_CACHE_HOT_REFRESHES;

	if (p->set) {
		uint32_t n = nd_store_count_hit(c->store, hit->at, q->worker->now_ns, p->gap_ns);
		if (n < p->amount || left > (ttl * p->percent + 99) / 100)
			return;
		cell = ND_CACHE_PREFETCHES;
	} else if (nd_store_uses(c->store, hit->at) < ND_CACHE_HOT_USES) {
		return;
	}
	if (mark(c, q, hit->at) && start(c, q, key, hit, false, NULL))
		nd_metric_add(&nd_cache_cells(c, q)[cell], 1);
}

void nd_refresh_stale(const struct nd_cache *c, struct nd_query *q, const struct nd_store_key *key,
		      const struct nd_store_hit *hit)
{
	if (mark(c, q, hit->at) && start(c, q, key, hit, true, NULL))
		nd_metric_add(&nd_cache_cells(c, q)[ND_CACHE_PREFETCHES], 1);
}

/* --- queries of clients --- */

static struct nd_cache_state *make_state(struct nd_query *q, const struct nd_store_key *key,
					 enum nd_variant variant)
{
	struct nd_cache_state *s = nd_query_state(q);

	if (!s)
		return NULL;
	s->hash = key->hash;
	s->flags = key->flags;
	s->variant = variant;
	/* AD asks for AD (RFC 6840 s5.7): without it a validating upstream leaves AD out, and the
	 * answer is kept for clients that ask for it. */
	s->ad = q->msg.flags & ND_FLAG_AD;
	q->msg.flags |= ND_FLAG_AD;
	nd_query_want_reply(q);
	return s;
}

enum nd_verdict nd_refresh_ask(const struct nd_cache *c, struct nd_query *q,
			       const struct nd_store_key *key, enum nd_variant variant)
{
	(void)c;
	make_state(q, key, variant); /* without it the answer is not kept */
	return ND_NEXT;
}

static void on_timeout(struct nd_timer *t)
{
	struct nd_refresh_wait *w = ND_CONTAINER(t, struct nd_refresh_wait, timer);

	stop_waiting(w);
	nd_chain_resume(w->ref, ND_DONE);
}

/* q waits for its refresh, or for the timeout: then nd_keep_reply() takes what the store has. */
static enum nd_verdict wait_for_refresh(const struct nd_cache *c, struct nd_query *q,
					struct nd_cache_state *s, struct nd_cache_state *refresh)
{
	struct nd_refresh_wait *w = s->wait;

	w->refresh = refresh;
	if (refresh) /* it has not run yet */
		refresh->wait = w;
	nd_timer_start(q->worker->loop, &w->timer, c->stale.timeout_ns, on_timeout);
	w->ref = nd_query_park(q);
	return ND_WAIT;
}

/* As in CoreDNS, with a timeout or a recheck time one query at a time verifies an entry. */
enum nd_verdict nd_refresh_verify(const struct nd_cache *c, struct nd_query *q,
				  const struct nd_store_key *key, enum nd_variant variant,
				  const struct nd_store_hit *hit)
{
	bool waits = c->stale.timeout_ns, marks = c->stale.recheck_ns || waits;
	struct nd_cache_state *background = NULL, *s = NULL;
	struct nd_refresh_wait *w = NULL;

	if (marks && !mark(c, q, hit->at))
		goto stale;
	if (waits && !start(c, q, key, hit, true, &background))
		goto stale;
	if (waits)
		w = nd_query_alloc(q, sizeof *w);
	if (!waits || w)
		s = make_state(q, key, variant);
	if (!s) { /* out of memory */
		if (marks && !waits)
			nd_store_end_refresh(c->store, hit->at, 0);
		goto stale;
	}
	s->stale = true;
	s->at = hit->at;
	s->holds = marks && !waits;
	s->wait = w;
	return waits ? wait_for_refresh(c, q, s, background) : ND_NEXT;

stale:
	nd_hit_use_stale(c, q, hit);
	return ND_DONE;
}

void nd_refresh_cancel(const void *self, struct nd_query_ref ref)
{
	const struct nd_cache_state *s = nd_query_state(ref.q);
	(void)self;

	stop_waiting(s->wait);
}

/* --- the end of a refresh --- */

void nd_refresh_end(const struct nd_cache *c, struct nd_query *q, struct nd_cache_state *s,
		    bool refreshed)
{
	uint64_t until_ns = 0;

	if (!s->holds)
		return;
	s->holds = false;
	if (s->stale && !refreshed && c->stale.recheck_ns)
		until_ns = q->worker->now_ns + c->stale.recheck_ns;
	nd_store_end_refresh(c->store, s->at, until_ns);
	if (s->background && s->wait) {
		struct nd_refresh_wait *w = s->wait;
		stop_waiting(w);
		nd_chain_resume(w->ref, ND_DONE);
	}
}
