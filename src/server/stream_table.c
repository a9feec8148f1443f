/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stream_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "base/time.h"

enum { WORD_BITS = 64, LIGHTEST_LOG2 = 10 };

/* A client address. */
struct nd_stream_client {
	struct nd_list hash;
	struct nd_list in_all, in_idle; /* in the buckets of its number of connections */
	struct nd_list idle, busy;      /* nodes; idle: the longest first */
	uint32_t n;
	uint8_t ip_len, ip[16];
};

/* --- buckets --- */

static int init_bucket(struct nd_stream_bucket *b, uint32_t max)
{
	b->head = calloc(max + 1, sizeof *b->head);
	b->used = calloc(max / WORD_BITS + 1, sizeof *b->used);
	if (!b->head || !b->used)
		return -ENOMEM;
	for (uint32_t i = 0; i <= max; i++)
		nd_list_init(&b->head[i]);
	return 0;
}

static void clear_bucket(struct nd_stream_bucket *b)
{
	free(b->head);
	free(b->used);
	*b = (struct nd_stream_bucket){ 0 };
}

static void enter(struct nd_stream_bucket *b, uint32_t n, struct nd_list *link)
{
	nd_list_add(&b->head[n], link);
	b->used[n / WORD_BITS] |= (uint64_t)1 << n % WORD_BITS;
}

static void leave(struct nd_stream_bucket *b, uint32_t n, struct nd_list *link)
{
	nd_list_del(link);
	if (nd_list_empty(&b->head[n]))
		b->used[n / WORD_BITS] &= ~((uint64_t)1 << n % WORD_BITS);
}

/* The first client of the highest bucket; NULL: all are empty. */
static struct nd_list *first_of_most(const struct nd_stream_bucket *b, uint32_t max)
{
	for (uint32_t i = max / WORD_BITS + 1; i-- > 0;) {
		if (!b->used[i])
			continue;
		uint32_t bit = WORD_BITS - 1 - (uint32_t)__builtin_clzll(b->used[i]);
		return b->head[i * WORD_BITS + bit].next;
	}
	return NULL;
}

/* Sets the client's number of connections. */
static void set_number(struct nd_stream_table *t, struct nd_stream_client *c, uint32_t n)
{
	if (nd_list_linked(&c->in_all))
		leave(&t->all, c->n, &c->in_all);
	if (nd_list_linked(&c->in_idle))
		leave(&t->idle, c->n, &c->in_idle);
	c->n = n;
	if (n)
		enter(&t->all, n, &c->in_all);
	if (!nd_list_empty(&c->idle))
		enter(&t->idle, n, &c->in_idle);
}

/* --- clients --- */

static struct nd_list *chain_of(struct nd_stream_table *t, const uint8_t *ip, size_t n)
{
	return &t->hash[nd_siphash(&t->key, n, ip, n) & t->mask];
}

static struct nd_stream_client *find_client(struct nd_stream_table *t, const struct nd_addr *peer)
{
	size_t n;
	const uint8_t *ip = nd_addr_bytes(peer, &n);
	struct nd_list *chain = chain_of(t, ip, n);

	ND_LIST_EACH(chain, it) {
		struct nd_stream_client *c = ND_LIST_ENTRY(it, struct nd_stream_client, hash);
		if (c->ip_len == n && memcmp(c->ip, ip, n) == 0)
			return c;
	}
	struct nd_stream_client *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->ip_len = (uint8_t)n;
	memcpy(c->ip, ip, n);
	nd_list_init(&c->idle);
	nd_list_init(&c->busy);
	nd_list_add(chain, &c->hash);
	return c;
}

int nd_stream_table_init(struct nd_stream_table *t, uint32_t max, size_t share,
			 const struct nd_siphash_key *key)
{
	uint32_t lists = 1;

	while (lists < max)
		lists *= 2;
	*t = (struct nd_stream_table){ .max = max, .share = share, .key = *key, .mask = lists - 1 };
	for (size_t i = 0; i < ND_STREAM_TABLE_WEIGHTS; i++)
		nd_list_init(&t->weight[i]);
	t->hash = calloc(lists, sizeof *t->hash);
	if (!t->hash || init_bucket(&t->all, max) || init_bucket(&t->idle, max)) {
		nd_stream_table_clear(t);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < lists; i++)
		nd_list_init(&t->hash[i]);
	return 0;
}

void nd_stream_table_clear(struct nd_stream_table *t)
{
	ND_ASSERT(t->n == 0);
	free(t->hash);
	t->hash = NULL;
	clear_bucket(&t->all);
	clear_bucket(&t->idle);
}

/* --- connections --- */

bool nd_stream_table_add(struct nd_stream_table *t, struct nd_stream_node *c,
			 const struct nd_addr *peer, uint64_t now_ns)
{
	struct nd_stream_client *client = find_client(t, peer);

	ND_ASSERT(!nd_stream_table_full(t));
	if (!client)
		return false;
	*c = (struct nd_stream_node){ .client = client, .since_ns = now_ns };
	nd_list_add(&client->idle, &c->rank);
	nd_list_add(&t->weight[0], &c->weight);
	t->n++;
	set_number(t, client, client->n + 1);
	return true;
}

void nd_stream_table_del(struct nd_stream_table *t, struct nd_stream_node *c)
{
	struct nd_stream_client *client = c->client;

	if (!client)
		return;
	nd_stream_table_hold(t, c, 0);
	nd_list_del(&c->weight);
	nd_list_del(&c->rank);
	c->client = NULL;
	t->n--;
	set_number(t, client, client->n - 1);
	if (client->n == 0) {
		nd_list_del(&client->hash);
		free(client);
	}
}

void nd_stream_table_set_busy(struct nd_stream_table *t, struct nd_stream_node *c, bool busy)
{
	struct nd_stream_client *client = c->client;

	if (c->busy == busy)
		return;
	c->busy = busy;
	nd_list_del(&c->rank);
	nd_list_add(busy ? &client->busy : &client->idle, &c->rank);
	if (busy && nd_list_empty(&client->idle))
		leave(&t->idle, client->n, &client->in_idle);
	else if (!busy && !nd_list_linked(&client->in_idle))
		enter(&t->idle, client->n, &client->in_idle);
}

void nd_stream_table_touch(struct nd_stream_table *t, struct nd_stream_node *c, uint64_t now_ns)
{
	struct nd_stream_client *client = c->client;

	c->since_ns = now_ns;
	nd_list_del(&c->rank);
	nd_list_add(c->busy ? &client->busy : &client->idle, &c->rank);
	if (nd_list_linked(&client->in_idle)) { /* last among clients with as many connections */
		nd_list_del(&client->in_idle);
		nd_list_add(&t->idle.head[client->n], &client->in_idle);
	}
}

static struct nd_stream_node *first(const struct nd_list *list)
{
	return ND_LIST_ENTRY(list->next, struct nd_stream_node, rank);
}

static bool is_young(const struct nd_stream_node *c, uint64_t now_ns)
{
	return now_ns - c->since_ns < ND_STREAM_TABLE_GRACE_NS;
}

static struct nd_stream_node *worst_of(const struct nd_stream_client *c, uint64_t now_ns)
{
	if (nd_list_empty(&c->busy))
		return first(&c->idle);
	if (nd_list_empty(&c->idle) || is_young(first(&c->idle), now_ns))
		return first(&c->busy);
	return first(&c->idle);
}

struct nd_stream_node *nd_stream_table_victim(struct nd_stream_table *t, uint64_t now_ns)
{
	struct nd_list *most = first_of_most(&t->all, t->max);
	struct nd_list *most_idle = first_of_most(&t->idle, t->max);

	if (!most)
		return NULL;
	const struct nd_stream_client *c = ND_LIST_ENTRY(most, struct nd_stream_client, in_all);
	if (c->n <= t->max / ND_STREAM_TABLE_SHARE && most_idle) {
		struct nd_stream_node *idle = first(
			&ND_LIST_ENTRY(most_idle, struct nd_stream_client, in_idle)->idle);
		if (!is_young(idle, now_ns))
			return idle;
	}
	return worst_of(c, now_ns);
}

/* --- memory --- */

static unsigned weight_of(size_t bytes)
{
	unsigned log2 = bytes ? 63u - (unsigned)__builtin_clzll(bytes) : 0;

	if (log2 < LIGHTEST_LOG2)
		return 0;
	log2 -= LIGHTEST_LOG2;
	return log2 < ND_STREAM_TABLE_WEIGHTS ? log2 : ND_STREAM_TABLE_WEIGHTS - 1;
}

bool nd_stream_table_hold(struct nd_stream_table *t, struct nd_stream_node *c, size_t bytes)
{
	size_t was = c->held;

	if (bytes > was) {
		size_t more = bytes - was;
		if (more > t->share || t->held > t->share - more ||
		    !nd_budget_take(ND_BUDGET_STREAMS, more))
			return false;
	} else if (bytes < was) {
		nd_budget_give(ND_BUDGET_STREAMS, was - bytes);
	}
	t->held += bytes - was; /* modulo 2^N, if less */
	c->held = bytes;
	if (weight_of(was) != weight_of(bytes)) {
		nd_list_del(&c->weight);
		nd_list_add(&t->weight[weight_of(bytes)], &c->weight);
	}
	return true;
}

struct nd_stream_node *nd_stream_table_heaviest(struct nd_stream_table *t)
{
	for (size_t i = ND_STREAM_TABLE_WEIGHTS; i-- > 0;)
		if (!nd_list_empty(&t->weight[i]))
			return ND_LIST_ENTRY(t->weight[i].next, struct nd_stream_node, weight);
	return NULL;
}
