/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP and TLS connections of a pool: two bytes of length before each message (RFC 1035 s4.2.2),
 * queries pipelined. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "upstream/pool_parts.h"
#include "wire/msg.h"
#include "wire/writer.h"

enum { FRAME_MAX = 2 + ND_MSG_MAX, IN_MAX = 2 * 65536 + FRAME_MAX, BUCKETS = 256 };

struct nd_pipeline {
	struct nd_conn conn;
	struct nd_transport transport;
	struct nd_list bucket[BUCKETS];
	struct nd_buf in;
	uint64_t answers;
	bool open;
};

static struct nd_pipeline *pipeline_of(struct nd_conn *c)
{
	return ND_CONTAINER(c, struct nd_pipeline, conn);
}

static void free_pipeline(struct nd_pipeline *t)
{
	nd_buf_clear(&t->in);
	free(t);
}

static void close_pipeline(struct nd_pipeline *t)
{
	nd_list_del(&t->conn.link);
	nd_transport_close(&t->transport);
	t->conn.pool = NULL;
	if (!t->conn.busy)
		free_pipeline(t);
}

/* Closes it and reports the error to all senders with a query in flight. */
static void break_pipeline(struct nd_pipeline *t, int err, const char *text)
{
	struct nd_list broken, *node;

	nd_list_init(&broken);
	while (!nd_list_empty(&t->conn.sent)) {
		struct nd_sent *s = ND_LIST_ENTRY(t->conn.sent.next, struct nd_sent, order);
		nd_conn_del(s);
		nd_list_add(&broken, &s->order);
	}
	close_pipeline(t);
	/* A callback may forget others of these. */
	while ((node = nd_list_pop(&broken))) {
		struct nd_sent *s = ND_LIST_ENTRY(node, struct nd_sent, order);
		s->on_error(s, err, text);
	}
}

static void on_open(void *ctx, int err, const char *text)
{
	struct nd_pipeline *t = ctx;

	if (err)
		break_pipeline(t, err, text);
	else
		t->open = true;
}

static void on_close(void *ctx, int err, const char *text)
{
	break_pipeline(ctx, err, text);
}

static void take_frame(struct nd_pipeline *t, const uint8_t *bytes, size_t n)
{
	if (n < ND_MSG_HEADER)
		return;
	struct nd_sent *s = nd_conn_find(&t->conn, nd_reader_peek16(bytes));
	if (!s) { /* its query was given up */
		nd_pool_note_stray(t->conn.pool, true);
		return;
	}
	t->answers++;
	s->on_reply(s, bytes, n, false);
}

static void on_data(void *ctx, const uint8_t *bytes, size_t n)
{
	struct nd_pipeline *t = ctx;
	size_t at = 0;

	if (nd_buf_add(&t->in, bytes, n)) {
		break_pipeline(t, t->in.err, "read tcp: out of memory");
		return;
	}
	t->conn.busy = true;
	while (t->conn.pool && t->in.len - at >= 2) {
		const uint8_t *p = (const uint8_t *)t->in.data + at;
		size_t len = nd_reader_peek16(p);
		if (t->in.len - at - 2 < len)
			break;
		at += 2 + len;
		take_frame(t, p + 2, len);
	}
	t->conn.busy = false;
	if (!t->conn.pool)
		free_pipeline(t);
	else
		nd_buf_drop(&t->in, at);
}

static int open_pipeline(struct nd_pool *p, struct nd_pipeline **out, char text[ND_POOL_ERROR_MAX])
{
	const struct nd_host_config *c = &p->host->config;
	struct nd_pipeline *t = calloc(1, sizeof *t);
	struct nd_transport_handler h = {
		.ctx = t, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};

	if (!t) {
		nd_pool_text(text, "dial", "tcp", NULL, &c->addr, "connect", -ENOMEM);
		return -ENOMEM;
	}
	int err = nd_transport_connect(&t->transport, p->loop, &c->addr,
				       c->source.len ? &c->source : NULL, c->tls ? &p->tls : NULL,
				       &h, text);
	if (err) {
		free(t);
		return err;
	}
	nd_conn_init(&t->conn, p, true, t->bucket, BUCKETS);
	nd_buf_init(&t->in, IN_MAX);
	nd_pool_start_sweep(p);
	*out = t;
	return 0;
}

/* The one with the fewest queries in flight; NULL when another one should be opened. */
static struct nd_pipeline *pick_pipeline(struct nd_pool *p)
{
	struct nd_pipeline *best = NULL;
	unsigned n = 0;

	ND_LIST_EACH(&p->streams, it) {
		struct nd_pipeline *t = pipeline_of(ND_LIST_ENTRY(it, struct nd_conn, link));
		if (t->conn.retired || nd_conn_has_expired(&t->conn)) {
			if (t->conn.flights.n == 0)
				close_pipeline(t);
			continue;
		}
		n++;
		if (!best || t->conn.flights.n < best->conn.flights.n)
			best = t;
	}
	return best && (best->conn.flights.n < ND_POOL_STREAM_FLIGHTS || n >= ND_POOL_STREAMS)
		       ? best
		       : NULL;
}

int nd_pipeline_send(struct nd_pool *p, struct nd_sent *s, uint8_t *bytes, size_t n,
		     char text[ND_POOL_ERROR_MAX])
{
	struct nd_pipeline *t = pick_pipeline(p);
	int err = 0;

	enum nd_host_proto proto = p->host->config.tls ? ND_HOST_TLS : ND_HOST_TCP;
	nd_metric_add(t ? &p->counts->hits[proto] : &p->counts->misses[proto], 1);
	if (!t)
		err = open_pipeline(p, &t, text);
	if (err)
		return err;
	if (!nd_conn_add(&t->conn, s)) {
		nd_pool_text(text, "write", "tcp", NULL, &p->host->config.addr, "", ND_ELIMIT);
		return ND_ELIMIT;
	}
	s->reused = t->answers > 0;
	nd_writer_put16(bytes, s->flight.id);
	err = nd_transport_write_frame(&t->transport, bytes, (uint16_t)n);
	if (err) {
		nd_pool_text(text, "write", "tcp", NULL, &p->host->config.addr, "write", err);
		/* The server does not read: no new queries. Replies may still arrive. */
		t->conn.retired = true;
		nd_pool_forget(s);
	}
	return err;
}

static uint32_t idle_pipelines(const struct nd_pool *p)
{
	uint32_t n = 0;

	ND_LIST_EACH(&p->streams, it)
		n += ND_LIST_ENTRY(it, struct nd_conn, link)->flights.n == 0;
	return n;
}

void nd_pipeline_settle(struct nd_conn *c)
{
	const struct nd_host_config *o = &c->pool->host->config;

	if (c->flights.n)
		return;
	if (c->retired || nd_conn_has_expired(c) || o->expire_ns == 0 ||
	    (o->max_idle && idle_pipelines(c->pool) > o->max_idle))
		close_pipeline(pipeline_of(c));
}

void nd_pipeline_timeout_text(struct nd_conn *c, char text[ND_POOL_ERROR_MAX])
{
	const struct nd_pipeline *t = pipeline_of(c);
	struct nd_addr local = nd_transport_local(&t->transport);

	nd_pool_text(text, t->open ? "read" : "dial", "tcp", t->open ? &local : NULL,
		     &c->pool->host->config.addr, "", ND_ETIME);
}

void nd_pipeline_give_up(struct nd_conn *c)
{
	/* Its other queries have their own timers. */
	if (!pipeline_of(c)->open)
		c->retired = true;
}

bool nd_pipeline_is_open(struct nd_conn *c)
{
	return pipeline_of(c)->open;
}

bool nd_pipeline_has_answered(struct nd_conn *c)
{
	return pipeline_of(c)->answers > 0;
}

void nd_pipeline_sweep(struct nd_pool *p, bool all)
{
	ND_LIST_EACH(&p->streams, it) {
		struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (all || (c->flights.n == 0 && nd_conn_has_expired(c)))
			close_pipeline(pipeline_of(c));
	}
}
