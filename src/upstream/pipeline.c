/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP connections of a pool: two bytes of length before each message (RFC 1035 s4.2.2), queries
 * pipelined. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "upstream/pool_parts.h"
#include "wire/msg.h"
#include "wire/writer.h"

enum { FRAME_MAX = 2 + ND_MSG_MAX, IN_MAX = 2 * 65536 + FRAME_MAX, BUCKETS = 256 };

struct nd_pipeline {
	struct nd_list link;  /* in pool->streams */
	struct nd_pool *pool; /* NULL: closed, and freed when its callback ends */
	struct nd_tcp *tcp;
	struct nd_flights flights;
	struct nd_list bucket[BUCKETS];
	struct nd_buf in;
	uint64_t created_ns, used_ns;
	uint64_t answers;
	bool open, busy;
	bool retired; /* gets no new queries */
};

static void free_pipeline(struct nd_pipeline *t)
{
	nd_buf_clear(&t->in);
	free(t);
}

static void close_pipeline(struct nd_pipeline *t)
{
	nd_list_del(&t->link);
	nd_tcp_close(t->tcp);
	t->pool = NULL;
	if (!t->busy)
		free_pipeline(t);
}

/* Closes it and reports the error to all senders with a query in flight. */
static void break_pipeline(struct nd_pipeline *t, int err, const char *text)
{
	struct nd_list broken, *node;

	nd_flights_move(&t->flights, &broken);
	close_pipeline(t);
	while ((node = nd_list_pop(&broken))) {
		struct nd_sent *s = ND_CONTAINER(node, struct nd_sent, flight.link);
		s->stream = NULL;
		s->on_error(s, err, text);
	}
}

static void on_open(void *ctx, struct nd_tcp *c, int err)
{
	struct nd_pipeline *t = ctx;
	char text[ND_POOL_ERROR_MAX];
	(void)c;

	if (!err) {
		t->open = true;
		return;
	}
	nd_pool_text(text, "dial", "tcp", NULL, &t->pool->host->config.addr, "connect", err);
	break_pipeline(t, err, text);
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	struct nd_pipeline *t = ctx;
	struct nd_addr local = nd_tcp_local(c);
	char text[ND_POOL_ERROR_MAX] = "EOF";

	if (err)
		nd_pool_text(text, "read", "tcp", &local, &t->pool->host->config.addr, "read", err);
	break_pipeline(t, err, text);
}

static void take_frame(struct nd_pipeline *t, const uint8_t *bytes, size_t n)
{
	if (n < ND_MSG_HEADER)
		return;
	struct nd_flight *f = nd_flights_find(&t->flights, nd_reader_peek16(bytes));
	if (!f) { /* its query was given up */
		nd_pool_note_stray(t->pool, true);
		return;
	}
	struct nd_sent *s = ND_CONTAINER(f, struct nd_sent, flight);
	t->answers++;
	s->on_reply(s, bytes, n, false);
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct nd_pipeline *t = ctx;
	size_t at = 0;
	(void)c;

	if (nd_buf_add(&t->in, bytes, n)) {
		break_pipeline(t, t->in.err, "read tcp: out of memory");
		return;
	}
	t->busy = true;
	while (t->pool && t->in.len - at >= 2) {
		const uint8_t *p = (const uint8_t *)t->in.data + at;
		size_t len = nd_reader_peek16(p);
		if (t->in.len - at - 2 < len)
			break;
		at += 2 + len;
		take_frame(t, p + 2, len);
	}
	t->busy = false;
	if (!t->pool)
		free_pipeline(t);
	else
		nd_buf_drop(&t->in, at);
}

static int open_pipeline(struct nd_pool *p, struct nd_pipeline **out)
{
	const struct nd_host_config *c = &p->host->config;
	struct nd_pipeline *t = calloc(1, sizeof *t);
	struct nd_tcp_handler h = {
		.ctx = t, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};

	if (!t)
		return -ENOMEM;
	int err = nd_tcp_connect(p->loop, &c->addr, c->source.len ? &c->source : NULL, &h, &t->tcp);
	if (err) {
		free(t);
		return err;
	}
	t->pool = p;
	t->created_ns = t->used_ns = nd_loop_now_ns(p->loop);
	nd_flights_init(&t->flights, t->bucket, BUCKETS);
	nd_buf_init(&t->in, IN_MAX);
	nd_list_add(&p->streams, &t->link);
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
		struct nd_pipeline *t = ND_LIST_ENTRY(it, struct nd_pipeline, link);
		if (t->retired || nd_pool_too_old(p, t->created_ns, t->used_ns)) {
			if (t->flights.n == 0)
				close_pipeline(t);
			continue;
		}
		n++;
		if (!best || t->flights.n < best->flights.n)
			best = t;
	}
	return best && (best->flights.n < ND_POOL_STREAM_FLIGHTS || n >= ND_POOL_STREAMS) ? best
											  : NULL;
}

static int write_frame(struct nd_pipeline *t, const uint8_t *bytes, size_t n)
{
	uint8_t len[2];

	/* The caller retires the connection on an error: half a frame breaks all that follow. */
	nd_writer_put16(len, (uint16_t)n);
	int err = nd_tcp_write(t->tcp, len, sizeof len);
	return err ? err : nd_tcp_write(t->tcp, bytes, n);
}

int nd_pipeline_send(struct nd_pool *p, struct nd_sent *s, uint8_t *bytes, size_t n,
		     char text[ND_POOL_ERROR_MAX])
{
	struct nd_pipeline *t = pick_pipeline(p);
	int err = 0;

	nd_metric_add(t ? &p->counts->hits[1] : &p->counts->misses[1], 1);
	if (!t)
		err = open_pipeline(p, &t);
	if (err) {
		nd_pool_text(text, "dial", "tcp", NULL, &p->host->config.addr, "connect", err);
		return err;
	}
	if (!nd_flights_add(&t->flights, &s->flight)) {
		nd_pool_text(text, "write", "tcp", NULL, &p->host->config.addr, "", ND_ELIMIT);
		return ND_ELIMIT;
	}
	s->stream = t;
	s->reused = t->answers > 0;
	t->used_ns = nd_loop_now_ns(p->loop);
	nd_writer_put16(bytes, s->flight.id);
	err = write_frame(t, bytes, n);
	if (err) {
		nd_pool_text(text, "write", "tcp", NULL, &p->host->config.addr, "write", err);
		/* A frame may have been cut: no new queries. Replies may still arrive. */
		t->retired = true;
		nd_pool_forget(s);
	}
	return err;
}

static uint32_t idle_pipelines(const struct nd_pool *p)
{
	uint32_t n = 0;

	ND_LIST_EACH(&p->streams, it)
		n += ND_LIST_ENTRY(it, struct nd_pipeline, link)->flights.n == 0;
	return n;
}

void nd_pipeline_settle(struct nd_pipeline *t)
{
	const struct nd_pool *p = t->pool;
	const struct nd_host_config *c = &p->host->config;

	if (t->flights.n)
		return;
	if (t->retired || nd_pool_too_old(p, t->created_ns, t->used_ns) || c->expire_ns == 0 ||
	    (c->max_idle && idle_pipelines(p) > c->max_idle))
		close_pipeline(t);
}

void nd_pipeline_timeout_text(const struct nd_pipeline *t, char text[ND_POOL_ERROR_MAX])
{
	struct nd_addr local = nd_tcp_local(t->tcp);

	nd_pool_text(text, t->open ? "read" : "dial", "tcp", t->open ? &local : NULL,
		     &t->pool->host->config.addr, "", ND_ETIME);
}

void nd_pipeline_give_up(struct nd_pipeline *t)
{
	/* Its other queries have their own timers. */
	if (!t->open)
		t->retired = true;
	nd_pipeline_settle(t);
}

bool nd_pipeline_is_open(const struct nd_pipeline *t)
{
	return t->open;
}

bool nd_pipeline_has_answered(const struct nd_pipeline *t)
{
	return t->answers > 0;
}

void nd_pipeline_sweep(struct nd_pool *p, bool all)
{
	ND_LIST_EACH(&p->streams, it) {
		struct nd_pipeline *t = ND_LIST_ENTRY(it, struct nd_pipeline, link);
		if (all || (t->flights.n == 0 && nd_pool_too_old(p, t->created_ns, t->used_ns)))
			close_pipeline(t);
	}
}
