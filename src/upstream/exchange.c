/* SPDX-License-Identifier: Apache-2.0 */
/* The table of exchanges and their waiters: equal queries are sent once. */
#include "upstream/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "io/random.h"
#include "upstream/attempt.h"

struct nd_exchanger *nd_exchanger_new(const struct nd_exchange_config *c, uint16_t worker,
				      struct nd_loop *loop, nd_metric_cell *broken)
{
	struct nd_exchanger *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->config = c;
	x->loop = loop;
	x->broken = broken;
	nd_random_bytes(&x->key, sizeof x->key);
	for (size_t i = 0; i < ND_EXCHANGE_BUCKETS; i++)
		nd_list_init(&x->bucket[i]);
	for (size_t i = 0; i < c->nhosts; i++) {
		x->pool[i] = nd_pool_ref(c->host[i], worker, loop);
		if (!x->pool[i]) {
			nd_exchanger_free(x);
			return NULL;
		}
	}
	return x;
}

/* Removes it from the table; its queries are no longer in flight. */
static void detach(struct nd_exchange *e)
{
	nd_list_del(&e->link);
	nd_timer_stop(&e->timer);
	nd_attempt_end(e);
}

static void drop(struct nd_exchange *e)
{
	struct nd_list *node;

	detach(e);
	while ((node = nd_list_pop(&e->waiters)))
		ND_LIST_ENTRY(node, struct nd_waiter, link)->exchange = NULL;
	free(e);
}

void nd_exchanger_free(struct nd_exchanger *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < ND_EXCHANGE_BUCKETS; i++)
		ND_LIST_EACH(&x->bucket[i], it)
			drop(ND_LIST_ENTRY(it, struct nd_exchange, link));
	for (size_t i = 0; i < x->config->nhosts; i++)
		nd_pool_unref(x->pool[i]);
	free(x);
}

void nd_exchange_finish(struct nd_exchange *e, const struct nd_outcome *o)
{
	struct nd_list waiters, *node;

	detach(e);
	nd_list_init(&waiters);
	while ((node = nd_list_pop(&e->waiters))) {
		ND_LIST_ENTRY(node, struct nd_waiter, link)->exchange = NULL;
		nd_list_add(&waiters, node);
	}
	/* done() may cancel another waiter, which then unlinks itself from this list. */
	while ((node = nd_list_pop(&waiters))) {
		struct nd_waiter *w = ND_LIST_ENTRY(node, struct nd_waiter, link);
		w->done(w, o);
	}
	free(e);
}

static bool over_tcp(const struct nd_exchange_config *c, const struct nd_exchange_question *q)
{
	return c->force_tcp || (q->stream && !c->prefer_udp);
}

/* Covers everything that distinguishes two queries. Clients choose all of it, hence SipHash. */
static uint64_t hash_question(const struct nd_exchanger *x, const struct nd_exchange_question *q,
			      bool tcp)
{
	size_t tail = ND_MSG_HEADER + (size_t)q->lower.len;
	uint64_t h = nd_siphash(&x->key, (uint64_t)q->limit << 1 | tcp, q->bytes + 2,
				ND_MSG_HEADER - 2);

	h = nd_siphash(&x->key, h, q->bytes + tail, q->n - tail);
	return nd_siphash(&x->key, h, q->lower.wire, q->lower.len);
}

static bool equal(const struct nd_exchange *e, const struct nd_exchange_question *q, bool tcp)
{
	size_t tail = ND_MSG_HEADER + (size_t)q->lower.len;

	return e->n == q->n && e->tcp == tcp && e->limit == q->limit &&
	       e->name_len == q->lower.len && memcmp(e->lower, q->lower.wire, q->lower.len) == 0 &&
	       memcmp(e->bytes + 2, q->bytes + 2, ND_MSG_HEADER - 2) == 0 &&
	       memcmp(e->bytes + tail, q->bytes + tail, q->n - tail) == 0;
}

static struct nd_exchange *find(const struct nd_exchanger *x, const struct nd_exchange_question *q,
				uint64_t hash, bool tcp)
{
	ND_LIST_EACH(&x->bucket[hash % ND_EXCHANGE_BUCKETS], it) {
		struct nd_exchange *e = ND_LIST_ENTRY(it, struct nd_exchange, link);
		if (e->hash == hash && e->nwaiters < ND_EXCHANGE_WAITERS_MAX && !e->exhausted &&
		    equal(e, q, tcp))
			return e;
	}
	return NULL;
}

static uint32_t suspects(const struct nd_exchanger *x)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < x->config->nhosts; i++)
		bits |= (uint32_t)nd_pool_suspect(x->pool[i]) << i;
	return bits;
}

static struct nd_exchange *new_exchange(struct nd_exchanger *x,
					const struct nd_exchange_question *q, uint64_t hash,
					bool tcp)
{
	const struct nd_exchange_config *c = x->config;
	struct nd_exchange *e = calloc(1, sizeof *e + q->n);
	uint32_t turn = 0;

	if (!e)
		return NULL;
	e->x = x;
	e->hash = hash;
	nd_list_init(&e->waiters);
	e->qtype = q->qtype;
	e->qclass = q->qclass;
	e->limit = q->limit;
	e->tcp = tcp;
	e->name_len = q->lower.len;
	memcpy(e->lower, q->lower.wire, q->lower.len);
	e->n = q->n;
	memcpy(e->bytes, q->bytes, q->n);
	e->end_ns = nd_loop_now_ns(x->loop) + ND_MS(ND_EXCHANGE_TIMEOUT_MS);
	if (c->policy == ND_POLICY_ROUND_ROBIN)
		turn = atomic_fetch_add_explicit(c->turn, 1, memory_order_relaxed) + 1;
	nd_policy_order(c->policy, c->nhosts, suspects(x), turn, e->order);
	nd_list_push(&x->bucket[hash % ND_EXCHANGE_BUCKETS], &e->link);
	return e;
}

int nd_exchange_ask(struct nd_exchanger *x, const struct nd_exchange_question *q,
		    struct nd_waiter *w)
{
	bool tcp = over_tcp(x->config, q);
	uint64_t hash = hash_question(x, q, tcp);
	struct nd_exchange *e = q->alone ? NULL : find(x, q, hash, tcp);
	bool fresh = !e;

	if (fresh)
		e = new_exchange(x, q, hash, tcp);
	if (!e)
		return -ENOMEM;
	w->exchange = e;
	nd_list_add(&e->waiters, &w->link);
	e->nwaiters++;
	if (fresh)
		nd_attempt_begin(e);
	return 0;
}

void nd_exchange_cancel(struct nd_waiter *w)
{
	struct nd_exchange *e = w->exchange;

	nd_list_del(&w->link);
	w->exchange = NULL;
	if (e && --e->nwaiters == 0)
		drop(e);
}
