/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP and TLS connections of a pool: two bytes of length before each message (RFC 1035 s4.2.2),
 * queries pipelined. */
#include <errno.h>
#include <stdlib.h>
#include "base/budget.h"
#include "base/time.h"
#include "upstream/pool_parts.h"
#include "wire/msg.h"
#include "wire/writer.h"

enum {
	FRAME_MAX = 2 + ND_MSG_MAX,
	IN_MAX = FRAME_MAX + 65536, /* part of a message, and one read of nd_tcp */
	BUCKETS = 64,
	/* The second line of defence, after the timers of the queries. */
	UNACKED_MS = 3000,
	IDLE_S = 5,
	SILENT_MS = 500, /* a connection that is silent for longer may give its place */
};

struct nd_pipeline {
	struct nd_conn conn;
	struct nd_transport transport;
	struct nd_list bucket[BUCKETS];
	struct nd_buf in; /* the beginning of a message */
	bool charged;     /* to the budget */
};

static struct nd_pipeline *pipeline_of(struct nd_conn *c)
{
	return ND_CONTAINER(c, struct nd_pipeline, conn);
}

static void free_pipeline(struct nd_pipeline *t)
{
	if (t->charged)
		nd_budget_give(ND_BUDGET_EXCHANGES, sizeof *t);
	nd_buf_clear(&t->in);
	free(t);
}

void nd_pipeline_close(struct nd_conn *c)
{
	struct nd_pipeline *t = pipeline_of(c);

	nd_conn_clear(c);
	nd_transport_close(&t->transport);
	if (!c->busy)
		free_pipeline(t);
}

/* Closes it and reports the error to all senders with a query in flight. */
static void break_pipeline(struct nd_pipeline *t, int err, const char *text)
{
	bool again = t->conn.answers > 0 || nd_pipeline_has_other(&t->conn);
	struct nd_list broken, *node;

	nd_pipeline_learn(&t->conn, err, t->conn.flights.n > 0);
	nd_list_init(&broken);
	while (!nd_list_empty(&t->conn.sent)) {
		struct nd_sent *s = ND_LIST_ENTRY(t->conn.sent.next, struct nd_sent, order);
		nd_conn_del(s);
		s->again = again;
		nd_list_add(&broken, &s->order);
	}
	nd_pipeline_close(&t->conn);
	/* A callback may forget others of these. */
	while ((node = nd_list_pop(&broken))) {
		struct nd_sent *s = ND_LIST_ENTRY(node, struct nd_sent, order);
		s->on_error(s, err, text);
	}
}

/* --- callbacks of the connection --- */

static void on_open(void *ctx, int err, const char *text)
{
	struct nd_pipeline *t = ctx;

	if (err)
		break_pipeline(t, err, text);
	else
		t->conn.open_ns = nd_loop_now_ns(t->conn.pool->loop);
}

static void on_close(void *ctx, int err, const char *text)
{
	break_pipeline(ctx, err, text);
}

/* Answers that overtake others prove that the server does not answer in order. An answer that was
 * overtaken does: a query that was never answered may have been ignored. */
static void note_order(struct nd_conn *c, const struct nd_sent *s)
{
	struct nd_sent *oldest = ND_LIST_ENTRY(c->sent.next, struct nd_sent, order);

	if (s->overtaken) {
		c->pool->overtook_ns = c->heard_ns;
		nd_host_clear_single(c->pool->host);
	}
	if (s != oldest)
		oldest->overtaken = true;
}

static void take_message(struct nd_pipeline *t, const uint8_t *bytes, size_t n)
{
	if (n < ND_MSG_HEADER)
		return;
	nd_conn_hear(&t->conn);
	struct nd_sent *s = nd_conn_find(&t->conn, nd_reader_peek16(bytes));
	if (t->conn.answers++ == 0)
		t->conn.pool->refusals = 0;
	if (!s) { /* its query was given up */
		nd_pool_note_stray(t->conn.pool, true);
		return;
	}
	note_order(&t->conn, s);
	s->on_reply(s, bytes, n, false);
}

/* Returns the bytes of whole messages. */
static size_t take_messages(struct nd_pipeline *t, const uint8_t *bytes, size_t n)
{
	size_t at = 0;

	while (t->conn.pool && n - at >= 2) {
		size_t len = nd_reader_peek16(bytes + at);
		if (n - at - 2 < len)
			break;
		take_message(t, bytes + at + 2, len);
		at += 2 + len;
	}
	return at;
}

static void on_data(void *ctx, const uint8_t *bytes, size_t n)
{
	struct nd_pipeline *t = ctx;
	size_t taken = 0;

	t->conn.busy = true;
	if (t->in.len == 0)
		taken = take_messages(t, bytes, n);
	if (t->conn.pool && taken < n)
		(void)nd_buf_add(&t->in, bytes + taken, n - taken);
	if (t->conn.pool && taken == 0 && !t->in.err) {
		size_t from_in = take_messages(t, (const uint8_t *)t->in.data, t->in.len);
		nd_buf_drop(&t->in, from_in);
	}
	t->conn.busy = false;
	if (!t->conn.pool)
		free_pipeline(t);
	else if (t->in.err)
		break_pipeline(t, t->in.err, "read tcp: out of memory");
}

/* --- sending --- */

/* The first ones are not charged: a flood that fills the budget must not end all use of TCP. */
static bool charge(const struct nd_pool *p, struct nd_pipeline *t)
{
	unsigned n = 0;

	ND_LIST_EACH(&p->streams, it)
		n++;
	if (n < ND_POOL_STREAMS)
		return true;
	t->charged = nd_budget_take(ND_BUDGET_EXCHANGES, sizeof *t);
	return t->charged;
}

static int open_pipeline(struct nd_pool *p, struct nd_conn **out, char text[ND_POOL_ERROR_MAX])
{
	const struct nd_host_config *c = &p->host->config;
	struct nd_pipeline *t = calloc(1, sizeof *t);
	struct nd_transport_handler h = {
		.ctx = t, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};

	if (!t || !charge(p, t)) {
		free(t);
		nd_pool_text(text, "dial", "tcp", NULL, &c->addr, "connect", -ENOMEM);
		return -ENOMEM;
	}
	int err = nd_transport_connect(&t->transport, p->loop, c, &p->tls, &h, text);
	if (err) {
		free_pipeline(t);
		return err;
	}
	nd_transport_set_liveness(&t->transport, UNACKED_MS, IDLE_S);
	nd_conn_init(&t->conn, p, true, t->bucket, BUCKETS);
	nd_buf_init(&t->in, IN_MAX);
	nd_pool_start_sweep(p);
	*out = &t->conn;
	return 0;
}

int nd_pipeline_send(struct nd_pool *p, struct nd_sent *s, const struct nd_pool_way *way,
		     uint8_t *bytes, size_t n, char text[ND_POOL_ERROR_MAX])
{
	enum nd_host_proto proto = nd_pool_proto(p, true);
	int err = 0;
	struct nd_conn *c = nd_pipeline_pick(p, way, &err);

	if (err) {
		nd_pool_text(text, "dial", "tcp", NULL, &p->host->config.addr, "connect", err);
		return err;
	}
	nd_metric_add(c ? &p->counts->hits[proto] : &p->counts->misses[proto], 1);
	err = c ? 0 : open_pipeline(p, &c, text);
	if (err)
		return err;
	if (!nd_conn_add(c, s)) {
		nd_pool_text(text, "write", "tcp", NULL, &p->host->config.addr, "", ND_ELIMIT);
		return ND_ELIMIT;
	}
	nd_writer_put16(bytes, s->flight.id);
	err = nd_transport_write_frame(&pipeline_of(c)->transport, bytes, (uint16_t)n);
	if (err) {
		nd_pool_text(text, "write", "tcp", NULL, &p->host->config.addr, "write", err);
		/* The server does not read: no new queries. Replies may still arrive. */
		c->taken--;
		c->retired = true;
		nd_pool_forget(s);
	}
	return err;
}

/* --- the rest of its life --- */

/* Too many are idle: the least recently used one is closed. Those of a burst, or of slow names, may
 * all have died when they are needed again. */
static void close_idle(struct nd_pool *p)
{
	uint32_t n = 0, max = p->host->config.max_idle;
	struct nd_conn *oldest = NULL;

	ND_LIST_EACH(&p->streams, it) {
		struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (c->flights.n || c->doubted_ns)
			continue;
		n++;
		if (!oldest || c->heard_ns < oldest->heard_ns)
			oldest = c;
	}
	if (n > (max && max < ND_POOL_STREAMS_IDLE ? max : ND_POOL_STREAMS_IDLE))
		nd_pipeline_close(oldest);
}

/* Late answers on a doubted connection would show that the server is slow, and perhaps that it
 * answers in order: it remains for a time. */
static bool is_of_interest(const struct nd_conn *c)
{
	return c->doubted_ns && c->open_ns && nd_conn_owed(c) && (c->crowded || !c->abandoned);
}

void nd_pipeline_settle(struct nd_conn *c)
{
	const struct nd_host_config *o = &c->pool->host->config;

	if (c->flights.n || (is_of_interest(c) && !c->retired))
		return;
	if (c->retired || c->doubted_ns || nd_conn_has_expired(c) || o->expire_ns == 0)
		nd_pipeline_close(c);
	else
		close_idle(c->pool);
}

/* Its place is worth more than the answers that may still come. */
static bool is_expendable(const struct nd_conn *c)
{
	uint64_t used_ns = c->heard_ns ? c->heard_ns : c->created_ns;
	bool silent = nd_loop_now_ns(c->pool->loop) - used_ns > ND_MS(SILENT_MS);

	if (c->abandoned || !c->flights.n)
		return true;
	return silent && (!c->open_ns || c->retired || (c->doubted_ns && nd_pool_suspect(c->pool)));
}

bool nd_pipeline_drop(struct nd_pool *p, bool doubted)
{
	struct nd_conn *first = NULL;

	ND_LIST_EACH(&p->streams, it) {
		struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		bool may = doubted ? c->doubted_ns && !c->flights.n : is_expendable(c);
		if (may && !c->busy && (!first || c->heard_ns < first->heard_ns))
			first = c;
	}
	if (!first)
		return false;
	while (!nd_list_empty(&first->sent))
		nd_conn_del(ND_LIST_ENTRY(first->sent.next, struct nd_sent, order));
	nd_pipeline_close(first);
	return true;
}

void nd_pipeline_timeout_text(struct nd_conn *c, char text[ND_POOL_ERROR_MAX])
{
	struct nd_addr local = nd_transport_local(&pipeline_of(c)->transport);

	nd_pool_text(text, c->open_ns ? "read" : "dial", "tcp", c->open_ns ? &local : NULL,
		     &c->pool->host->config.addr, "", ND_ETIME);
}

static bool is_over(const struct nd_conn *c)
{
	uint64_t now = nd_loop_now_ns(c->pool->loop);

	return c->doubted_ns ? now - c->doubted_ns > ND_MS(ND_POOL_DOUBT_MS)
			     : nd_conn_has_expired(c);
}

void nd_pipeline_sweep(struct nd_pool *p, bool all)
{
	ND_LIST_EACH(&p->streams, it) {
		struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (all || (c->flights.n == 0 && is_over(c)))
			nd_pipeline_close(c);
	}
}
