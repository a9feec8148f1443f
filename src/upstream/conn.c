/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/conn.h"

#include "base/time.h"
#include "io/random.h"

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
	c->created_ns = c->used_ns = nd_loop_now_ns(p->loop);
	c->age_ns = draw_age(p->host->config.max_age_ns);
	nd_flights_init(&c->flights, bucket, nbuckets);
	nd_list_init(&c->sent);
	nd_list_add(stream ? &p->streams : &p->sockets, &c->link);
}

bool nd_conn_add(struct nd_conn *c, struct nd_sent *s)
{
	if (!nd_flights_add(&c->flights, &s->flight))
		return false;
	nd_list_add(&c->sent, &s->order);
	s->conn = c;
	c->used_ns = nd_loop_now_ns(c->pool->loop);
	return true;
}

void nd_conn_del(struct nd_sent *s)
{
	nd_flights_del(&s->flight);
	nd_list_del(&s->order);
	s->conn = NULL;
}

struct nd_sent *nd_conn_find(const struct nd_conn *c, uint16_t id)
{
	struct nd_flight *f = nd_flights_find(&c->flights, id);

	return f ? ND_CONTAINER(f, struct nd_sent, flight) : NULL;
}

bool nd_conn_has_expired(const struct nd_conn *c)
{
	const struct nd_host_config *o = &c->pool->host->config;
	uint64_t now = nd_loop_now_ns(c->pool->loop);

	return now - c->used_ns > o->expire_ns || (c->age_ns && now - c->created_ns > c->age_ns);
}
