/* SPDX-License-Identifier: Apache-2.0 */
/* The table of exchanges and their waiters: equal queries are sent once, alike ones take turns. */
#include "upstream/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "io/random.h"
#include "upstream/alike.h"
#include "upstream/attempt.h"

enum { SLOT = 576 }; /* bytes of an exchange in the slab; a longer message takes heap memory */
_Static_assert(SLOT >= sizeof(struct nd_exchange) + 80, "an ordinary query fits");

/* --- tables and exchangers --- */

struct nd_exchange_tables *nd_exchange_tables_new(uint16_t nworkers)
{
	struct nd_exchange_tables *all = calloc(1, sizeof *all + nworkers * sizeof *all->worker);

	if (!all)
		return NULL;
	all->nworkers = nworkers;
	all->extra_max = nworkers < ND_EXCHANGE_ALIKE_MAX
				 ? ND_EXCHANGE_ALIKE_MAX - (uint32_t)nworkers
				 : 1;
	for (uint16_t w = 0; w < nworkers; w++) {
		struct nd_exchange_table *t = &all->worker[w];
		t->all = all;
		nd_random_bytes(&t->key, sizeof t->key);
		t->alike_max = nworkers < ND_EXCHANGE_ALIKE_MAX ? ND_EXCHANGE_ALIKE_MAX / nworkers
								: 1;
		nd_slab_init(&t->slab, SLOT, ND_BUDGET_EXCHANGES);
		for (size_t i = 0; i < ND_EXCHANGE_BUCKETS; i++)
			nd_list_init(&t->bucket[i]);
	}
	return all;
}

void nd_exchange_tables_free(struct nd_exchange_tables *t)
{
	for (uint16_t w = 0; t && w < t->nworkers; w++)
		nd_slab_clear(&t->worker[w].slab);
	free(t);
}

struct nd_exchanger *nd_exchanger_new(const struct nd_exchange_config *c, uint16_t worker,
				      struct nd_loop *loop, struct nd_exchange_tables *tables,
				      struct nd_exchange_counts *counts)
{
	struct nd_exchanger *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->config = c;
	x->loop = loop;
	x->table = &tables->worker[worker];
	x->counts = counts;
	nd_list_init(&x->exchanges);
	for (size_t i = 0; i < c->nhosts; i++) {
		const struct nd_host *h = c->host[i];
		x->pool[i] = nd_pool_ref(c->host[i], worker, loop);
		if (!x->pool[i]) {
			nd_exchanger_free(x);
			return NULL;
		}
		/* A sum: the order does not matter. */
		x->upstreams += nd_siphash(&x->table->key,
					   (h->config.tls != NULL) + h->config.https, h->text,
					   strlen(h->text));
	}
	return x;
}

/* --- the end of an exchange --- */

static void link_by(struct nd_exchange *e, uint64_t hash)
{
	nd_list_del(&e->link);
	nd_list_push(&e->x->table->bucket[hash % ND_EXCHANGE_BUCKETS], &e->link);
}

/* Without probes only a query can find out that it answers again. */
static bool is_suspect(const struct nd_exchanger *x, struct nd_pool *p)
{
	return nd_pool_suspect(p) && (x->config->max_fails || !nd_pool_take_trial(p));
}

static uint32_t suspects(const struct nd_exchanger *x)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < x->config->nhosts; i++)
		bits |= (uint32_t)is_suspect(x, x->pool[i]) << i;
	return bits;
}

static void begin(struct nd_exchange *e)
{
	const struct nd_exchange_config *c = e->x->config;
	uint32_t turn = 0;
	uint8_t order[ND_POLICY_HOSTS_MAX];

	if (c->policy == ND_POLICY_ROUND_ROBIN)
		turn = atomic_fetch_add_explicit(c->turn, 1, memory_order_relaxed) + 1;
	nd_policy_order(c->policy, c->nhosts, suspects(e->x), turn, order);
	memcpy(e->order, order, c->nhosts);
	link_by(e, e->name_hash);
	nd_attempt_begin(e);
}

/* Plugin loop finds a loop by its own query, which must arrive three times: where a worker's part
 * of the alike ones is one, a second may be in flight, a few of these in the process. */
static bool take_extra(struct nd_exchange_table *t)
{
	struct nd_exchange_tables *all = t->all;

	if (atomic_fetch_add_explicit(&all->extra, 1, memory_order_relaxed) < all->extra_max)
		return true;
	atomic_fetch_sub_explicit(&all->extra, 1, memory_order_relaxed);
	return false;
}

static void give_extra(struct nd_exchange_table *t)
{
	atomic_fetch_sub_explicit(&t->all->extra, 1, memory_order_relaxed);
}

/* Ends its queries and takes it out of all lists. The next alike one begins. */
static void detach(struct nd_exchange *e)
{
	struct nd_exchange *next = NULL;

	nd_list_del(&e->link);
	nd_list_del(&e->own);
	nd_timer_stop(&e->timer);
	if (e->extra)
		give_extra(e->x->table);
	if (e->waiting) {
		nd_alike_unwait(e);
	} else {
		nd_attempt_end(e);
		if (e->alike)
			next = nd_alike_next(e->alike);
	}
	nd_alike_leave(e);
	if (next)
		begin(next);
}

static void release(struct nd_exchange_table *t, struct nd_exchange *e)
{
	nd_attempt_free_more(e);
	free(e->error);
	if (!e->bytes_charged) {
		nd_slab_give(&t->slab, e);
		return;
	}
	nd_budget_give(ND_BUDGET_EXCHANGES, e->bytes_charged);
	free(e);
}

static void drop(struct nd_exchange *e)
{
	struct nd_list *node;

	detach(e);
	while ((node = nd_list_pop(&e->waiters)))
		ND_LIST_ENTRY(node, struct nd_waiter, link)->exchange = NULL;
	release(e->x->table, e);
}

void nd_exchanger_free(struct nd_exchanger *x)
{
	if (!x)
		return;
	/* Those that wait first, so that none of them begins. */
	ND_LIST_EACH(&x->exchanges, it) {
		struct nd_exchange *e = ND_LIST_ENTRY(it, struct nd_exchange, own);
		if (e->waiting)
			drop(e);
	}
	while (!nd_list_empty(&x->exchanges))
		drop(ND_LIST_ENTRY(x->exchanges.next, struct nd_exchange, own));
	for (size_t i = 0; i < x->config->nhosts; i++)
		nd_pool_unref(x->pool[i]);
	free(x);
}

void nd_exchange_finish(struct nd_exchange *e, struct nd_outcome *o)
{
	struct nd_list waiters, *node;
	char *error = e->error;

	detach(e);
	nd_list_init(&waiters);
	while ((node = nd_list_pop(&e->waiters))) {
		ND_LIST_ENTRY(node, struct nd_waiter, link)->exchange = NULL;
		nd_list_add(&waiters, node);
	}
	e->error = NULL;
	if (o->kind == ND_OUTCOME_FAILED && !o->error)
		o->error = error;
	release(e->x->table, e);
	/* done() may cancel another waiter, which then unlinks itself from this list. */
	while ((node = nd_list_pop(&waiters))) {
		struct nd_waiter *w = ND_LIST_ENTRY(node, struct nd_waiter, link);
		w->done(w, o);
	}
	free(error);
}

/* --- the beginning --- */

/* What is looked up: a question with its hashes. */
struct key {
	const struct nd_exchange_question *q;
	uint64_t name_hash, hash;
	bool tcp;
};

/* Clients choose all that is hashed. */
static struct key make_key(const struct nd_exchanger *x, const struct nd_exchange_question *q)
{
	const struct nd_exchange_config *c = x->config;
	const struct nd_siphash_key *key = &x->table->key;
	size_t tail = ND_MSG_HEADER + (size_t)q->lower.len;
	struct key k = { .q = q, .tcp = c->force_tcp || (q->stream && !c->prefer_udp) };

	k.name_hash = nd_siphash(key, x->upstreams ^ ((uint64_t)q->qtype << 16 | q->qclass),
				 q->lower.wire, q->lower.len);
	k.hash = nd_siphash(key, k.name_hash, q->bytes + 2, ND_MSG_HEADER - 2);
	k.hash = nd_siphash(key, k.hash ^ ((uint64_t)q->limit << 1 | k.tcp), q->bytes + tail,
			    q->n - tail);
	return k;
}

static bool is_alike(const struct nd_exchange *e, const struct nd_exchanger *x, const struct key *k)
{
	return e->name_hash == k->name_hash && e->qtype == k->q->qtype &&
	       e->qclass == k->q->qclass && e->x->upstreams == x->upstreams &&
	       nd_name_equal(nd_exchange_name(e), k->q->lower);
}

/* An alike one that k can join. */
static bool is_equal(const struct nd_exchange *e, const struct nd_exchanger *x, const struct key *k)
{
	const struct nd_exchange_question *q = k->q;
	size_t tail = ND_MSG_HEADER + (size_t)q->lower.len;

	return e->x == x && e->hash == k->hash && e->nwaiters < ND_EXCHANGE_WAITERS_MAX &&
	       !e->exhausted && e->n == q->n && e->tcp == k->tcp && e->limit == q->limit &&
	       memcmp(e->bytes + 2, q->bytes + 2, ND_MSG_HEADER - 2) == 0 &&
	       memcmp(e->bytes + tail, q->bytes + tail, q->n - tail) == 0;
}

/* Looks among those in flight for an equal one; without it, counts the alike ones and sets any. */
static struct nd_exchange *find_in_flight(const struct nd_exchanger *x, const struct key *k,
					  uint32_t *n, struct nd_exchange **any)
{
	const struct nd_list *bucket = &x->table->bucket[k->name_hash % ND_EXCHANGE_BUCKETS];

	*n = 0;
	ND_LIST_EACH(bucket, it) {
		struct nd_exchange *e = ND_LIST_ENTRY(it, struct nd_exchange, link);
		if (e->waiting || !is_alike(e, x, k))
			continue;
		if (!k->q->alone && is_equal(e, x, k))
			return e;
		*any = e;
		*n += nd_attempt_pairs(e);
	}
	return NULL;
}

bool nd_exchange_may_add_pair(const struct nd_exchange *e)
{
	const struct nd_list *bucket = &e->x->table->bucket[e->name_hash % ND_EXCHANGE_BUCKETS];
	unsigned n = 0;

	ND_LIST_EACH(bucket, it) {
		const struct nd_exchange *o = ND_LIST_ENTRY(it, struct nd_exchange, link);
		if (!o->waiting && o->name_hash == e->name_hash &&
		    o->x->upstreams == e->x->upstreams)
			n += nd_attempt_pairs(o);
	}
	return n < e->x->table->alike_max;
}

static struct nd_exchange *find_waiting(const struct nd_exchanger *x, const struct key *k)
{
	const struct nd_list *bucket = &x->table->bucket[k->hash % ND_EXCHANGE_BUCKETS];

	ND_LIST_EACH(bucket, it) {
		struct nd_exchange *e = ND_LIST_ENTRY(it, struct nd_exchange, link);
		if (e->waiting && is_alike(e, x, k) && is_equal(e, x, k))
			return e;
	}
	return NULL;
}

static struct nd_exchange *allocate(struct nd_exchange_table *t, size_t bytes)
{
	struct nd_exchange *e;
	bool small = bytes <= SLOT;

	if (!small && !nd_budget_take(ND_BUDGET_EXCHANGES, bytes))
		return NULL;
	e = small ? nd_slab_take(&t->slab) : malloc(bytes);
	if (!e && !small)
		nd_budget_give(ND_BUDGET_EXCHANGES, bytes);
	if (!e)
		return NULL;
	memset(e, 0, sizeof *e);
	e->bytes_charged = small ? 0 : (uint32_t)bytes;
	return e;
}

static struct nd_exchange *new_exchange(struct nd_exchanger *x, const struct key *k)
{
	const struct nd_exchange_question *q = k->q;
	struct nd_exchange *e = allocate(x->table, sizeof *e + q->n + 2 * x->config->nhosts);

	if (!e)
		return NULL;
	e->x = x;
	e->name_hash = k->name_hash;
	e->hash = k->hash;
	nd_list_init(&e->waiters);
	e->qtype = q->qtype;
	e->qclass = q->qclass;
	e->limit = q->limit;
	e->tcp = k->tcp;
	e->name_len = q->lower.len;
	e->n = q->n;
	memcpy(e->bytes, q->bytes, q->n);
	e->order = e->bytes + q->n;
	e->sends = e->order + x->config->nhosts;
	memset(e->sends, 0, x->config->nhosts);
	e->end_ns = nd_loop_now_ns(x->loop) + ND_MS(ND_EXCHANGE_TIMEOUT_MS);
	nd_list_add(&x->exchanges, &e->own);
	return e;
}

/* The turn of the alike ones of which `any` is in flight; all of those point to it. */
static struct nd_alike *get_alike(struct nd_exchanger *x, struct nd_exchange *any,
				  const struct key *k)
{
	const struct nd_list *bucket = &x->table->bucket[k->name_hash % ND_EXCHANGE_BUCKETS];
	struct nd_alike *a = any->alike ? NULL : nd_alike_new();

	if (!a)
		return any->alike;
	ND_LIST_EACH(bucket, it) {
		struct nd_exchange *e = ND_LIST_ENTRY(it, struct nd_exchange, link);
		if (!e->waiting && is_alike(e, x, k))
			nd_alike_join(a, e);
	}
	return a;
}

static unsigned queue_of(const struct nd_exchanger *x, const struct nd_addr *client)
{
	size_t n;

	if (!client)
		return 0;
	const uint8_t *bytes = nd_addr_bytes(client, &n);
	return nd_siphash(&x->table->key, 0, bytes, n) % ND_EXCHANGE_QUEUES;
}

/* Makes one that waits for its turn. */
static int new_waiting(struct nd_exchanger *x, struct nd_exchange *any, const struct key *k,
		       struct nd_exchange **out)
{
	struct nd_alike *a = get_alike(x, any, k);
	struct nd_exchange *e = a ? new_exchange(x, k) : NULL;

	if (!e)
		return -ENOMEM;
	nd_alike_join(a, e);
	if (!nd_alike_wait(e, queue_of(x, k->q->client))) {
		nd_list_del(&e->own);
		nd_alike_leave(e);
		release(x->table, e);
		return -EBUSY;
	}
	link_by(e, e->hash);
	nd_attempt_await_turn(e);
	*out = e;
	return 0;
}

static void add_waiter(struct nd_exchange *e, struct nd_waiter *w)
{
	w->exchange = e;
	nd_list_add(&e->waiters, &w->link);
	e->nwaiters++;
}

int nd_exchange_ask(struct nd_exchanger *x, const struct nd_exchange_question *q,
		    struct nd_waiter *w)
{
	struct key k = make_key(x, q);
	uint32_t n, max = x->table->alike_max;
	struct nd_exchange *any = NULL, *e = find_in_flight(x, &k, &n, &any);
	bool extra = !e && q->alone && n == 1 && max == 1 && take_extra(x->table);
	int err = 0;

	if (!e && (n < max || extra)) {
		e = new_exchange(x, &k);
		if (!e && extra)
			give_extra(x->table);
		if (e) {
			e->extra = extra;
			if (any && any->alike)
				nd_alike_join(any->alike, e);
			add_waiter(e, w);
			begin(e);
			return 0;
		}
		err = -ENOMEM;
	} else if (!e) {
		e = q->alone ? NULL : find_waiting(x, &k);
		if (!e)
			err = new_waiting(x, any, &k, &e);
	}
	if (err)
		nd_metric_add(&x->counts->refused, 1);
	else
		add_waiter(e, w);
	return err;
}

void nd_exchange_cancel(struct nd_waiter *w)
{
	struct nd_exchange *e = w->exchange;

	nd_list_del(&w->link);
	w->exchange = NULL;
	if (e && --e->nwaiters == 0)
		drop(e);
}
