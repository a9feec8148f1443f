/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/conn.h"

#include "base/time.h"
#include "io/random.h"
#include "upstream/pool_parts.h"

enum { MOMENT_MS = 20 };

/* Connections opened together must not be replaced together. */
static uint64_t draw_age(uint64_t max_ns)
{
	uint64_t ms = max_ns / ND_NS_PER_MS / 4;

	return ms && ms < UINT32_MAX ? max_ns - ND_MS(nd_random_below((uint32_t)ms + 1)) : max_ns;
}

void nd_conn_init(struct nd_conn *c, struct nd_pool *p, bool stream, struct nd_list *bucket,
		  uint32_t nbuckets)
{
	c->pool = p;
	c->stream = stream;
	c->created_ns = nd_loop_now_ns(p->loop);
	c->open_ns = stream ? 0 : c->created_ns;
	c->age_ns = draw_age(p->host->config.max_age_ns);
	nd_flights_init(&c->flights, bucket, nbuckets);
	nd_list_init(&c->sent);
	nd_list_add(stream ? &p->streams : &p->sockets, &c->link);
}

/* Undecided: it may be dead, or slow, or have been held up by a slow name (crowded). */
static bool is_undecided(const struct nd_conn *c)
{
	return c->doubted_ns && (!c->abandoned || c->crowded);
}

static void set_doubt(struct nd_conn *c, uint64_t since_ns)
{
	c->pool->ndoubted[c->stream] -= is_undecided(c);
	c->doubted_ns = since_ns;
	if (!since_ns)
		c->abandoned = c->crowded = false;
	c->pool->ndoubted[c->stream] += is_undecided(c);
}

void nd_conn_clear(struct nd_conn *c)
{
	set_doubt(c, 0);
	nd_list_del(&c->link);
	c->pool = NULL;
}

bool nd_conn_add(struct nd_conn *c, struct nd_sent *s)
{
	if (!nd_flights_add(&c->flights, &s->flight))
		return false;
	nd_list_add(&c->sent, &s->order);
	s->conn = c;
	s->sent_ns = nd_loop_now_ns(c->pool->loop);
	s->answers_before = c->answers;
	s->queued = nd_conn_owed(c) > 0;
	if (c->taken == c->heard_taken)
		c->waits_ns = s->sent_ns;
	c->taken++;
	c->pool->nsent++;
	return true;
}

void nd_conn_del(struct nd_sent *s)
{
	if (s->conn)
		s->conn->pool->nsent--;
	nd_flights_del(&s->flight);
	nd_list_del(&s->order);
	nd_list_del(&s->move);
	s->conn = NULL;
}

struct nd_sent *nd_conn_find(const struct nd_conn *c, uint16_t id)
{
	struct nd_flight *f = nd_flights_find(&c->flights, id);

	return f ? ND_CONTAINER(f, struct nd_sent, flight) : NULL;
}

bool nd_conn_has_expired(const struct nd_conn *c)
{
	uint64_t now = nd_loop_now_ns(c->pool->loop);
	uint64_t used_ns = c->heard_ns ? c->heard_ns : c->created_ns;

	return now - used_ns > c->pool->host->config.expire_ns ||
	       (c->age_ns && now - c->created_ns > c->age_ns);
}

/* --- the judgement --- */

bool nd_conn_is_newer(const struct nd_conn *c, uint64_t since_ns)
{
	uint64_t at = c->heard_ns > c->created_ns ? c->heard_ns : c->created_ns;

	return at >= since_ns && nd_loop_now_ns(c->pool->loop) - at <= ND_MS(MOMENT_MS);
}

bool nd_conn_is_mute(const struct nd_conn *c)
{
	const struct nd_rtt *r = &c->pool->rtt[c->stream];
	uint64_t since_ns = c->waits_ns > c->open_ns ? c->waits_ns : c->open_ns;
	uint64_t usual_ns = ND_RTT_LOWS * r->low_ns;

	if (c->taken - c->heard_taken < (c->stream ? 2 : 1) || !c->open_ns || !r->low_ns)
		return false;
	return nd_loop_now_ns(c->pool->loop) - since_ns >=
	       (usual_ns > ND_MS(MOMENT_MS) ? usual_ns : ND_MS(MOMENT_MS));
}

bool nd_conn_doubt(struct nd_conn *c)
{
	struct nd_pool *p = c->pool;

	if (c->doubted_ns)
		return true;
	/* If nothing arrives on any, it is the server. */
	uint32_t most = nd_pool_suspect(p) ? ND_POOL_DOUBTED_SUSPECT : ND_POOL_DOUBTED_MAX;
	if (p->ndoubted[c->stream] >= most && !(c->stream && nd_pipeline_drop(p, true)))
		return false;
	set_doubt(c, nd_loop_now_ns(p->loop));
	if (!c->stream)
		nd_pool_socket_leave_slot(c);
	return true;
}

void nd_conn_abandon(struct nd_conn *c)
{
	struct nd_pool *p = c->pool;

	if (c->abandoned || !nd_conn_doubt(c))
		return;
	p->ndoubted[c->stream] -= is_undecided(c);
	c->abandoned = true;
	c->crowded = c->stream && nd_conn_owed(c) > 1;
	p->ndoubted[c->stream] += is_undecided(c);
	nd_metric_add(&p->counts->abandoned[nd_pool_proto(p, c->stream)], 1);
	if (!nd_list_empty(&c->sent))
		ND_LIST_ENTRY(c->sent.next, struct nd_sent, order)->head = true;
}

/* It works after all. If it was slow with several queries while another connection answered one of
 * them, it answers in order, and one slow name held up the others. */
static void trust(struct nd_conn *c)
{
	struct nd_pool *p = c->pool;

	if (c->crowded)
		nd_host_mark_single(p->host, c->heard_ns);
	set_doubt(c, 0);
	if (!c->stream)
		nd_pool_socket_take_slot(c);
}

void nd_conn_hear(struct nd_conn *c)
{
	c->before_ns = c->heard_ns;
	c->heard_ns = nd_loop_now_ns(c->pool->loop);
	c->heard_taken = c->taken;
	if (c->doubted_ns)
		trust(c);
}
