/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP connections of a simulated upstream, and its habits with them. */
#include <stdlib.h>
#include "base/err.h"
#include "sim/upstream_state.h"
#include "wire/reader.h"

struct sim_stream {
	struct nd_list link;
	struct sim_upstream *u;
	struct nd_tcp *tcp;
	struct nd_buf in;
	size_t noted; /* bytes of it whose queries have been noted */
	uint32_t answers;
	bool working; /* on a query, with an order */
	bool stalled; /* it sends no more */
};

static void free_stream(struct sim_stream *c)
{
	nd_list_del(&c->link);
	c->u->nstreams--;
	nd_buf_clear(&c->in);
	free(c);
}

/* The frame at this byte of the input; NULL: it has not arrived yet. */
static const uint8_t *next_query(const struct sim_stream *c, size_t at)
{
	const uint8_t *p = (const uint8_t *)c->in.data + at;

	return c->in.len - at >= 2 && c->in.len - at >= 2u + nd_reader_peek16(p) ? p : NULL;
}

static void drop_query(struct sim_stream *c)
{
	size_t n = 2u + nd_reader_peek16((const uint8_t *)c->in.data);

	nd_buf_drop(&c->in, n);
	c->noted -= n;
}

/* What it was asked and has not answered: answers on their way out, and queries not read. */
static void give_up_queries(struct sim_stream *c)
{
	bool lost = false;

	ND_LIST_EACH(&c->u->thoughts, it) {
		struct sim_thought *t = ND_LIST_ENTRY(it, struct sim_thought, link);
		if (t->stream != c)
			continue;
		t->stream = NULL;
		lost = true;
		if (!t->beside)
			sim_upstream_note_lost(c->u, t->bytes, t->n);
	}
	for (const uint8_t *p; (p = next_query(c, 0)); drop_query(c)) {
		lost = true;
		sim_upstream_note_lost(c->u, p + 2, nd_reader_peek16(p));
	}
	c->u->counts.closed += lost;
}

void sim_stream_close(struct sim_stream *c)
{
	give_up_queries(c);
	nd_tcp_close(c->tcp);
	free_stream(c);
}

void sim_stream_close_all(struct sim_upstream *u)
{
	while (!nd_list_empty(&u->streams))
		sim_stream_close(ND_LIST_ENTRY(u->streams.next, struct sim_stream, link));
}

static void note_queries(struct sim_stream *c)
{
	struct nd_addr peer = nd_tcp_peer(c->tcp);

	for (const uint8_t *p; (p = next_query(c, c->noted));) {
		size_t n = nd_reader_peek16(p);
		c->noted += 2 + n;
		c->u->counts.tcp++;
		if (c->u->watch.on_query)
			c->u->watch.on_query(c->u->watch.ctx, p + 2, n, nd_addr_port(&peer));
	}
}

/* Works on the queries that have arrived; with an order, on one at a time. */
static void work(struct sim_stream *c)
{
	enum sim_order order = c->u->habit.order;

	for (const uint8_t *p; (p = next_query(c, 0)); drop_query(c)) {
		size_t n = nd_reader_peek16(p);
		if (order == SIM_IN_ORDER && c->working)
			return;
		if (order == SIM_FIRST_ONLY && c->working)
			sim_upstream_note_lost(c->u, p + 2, n);
		else
			c->working = sim_upstream_answer(c->u, p + 2, n, NULL, c);
	}
}

static void on_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct sim_stream *c = ctx;

	(void)tcp;
	nd_buf_add(&c->in, bytes, n);
	note_queries(c);
	if (c->stalled)
		give_up_queries(c);
	else
		work(c);
}

void sim_stream_say(struct sim_stream *c, const struct sim_thought *t)
{
	const struct sim_habit *h = &c->u->habit;
	bool cut = h->cut_after && !t->beside && c->answers >= h->cut_after;
	uint8_t len[2] = { (uint8_t)(t->n >> 8), (uint8_t)t->n };

	if (c->stalled)
		return;
	nd_tcp_write(c->tcp, len, 2);
	nd_tcp_write(c->tcp, t->bytes, cut ? t->n / 2 : t->n);
	if (t->beside)
		return;
	c->working = false;
	if (cut) {
		c->stalled = h->stalls;
		sim_upstream_note_lost(c->u, t->bytes, t->n);
		give_up_queries(c);
		if (!h->stalls)
			sim_stream_close(c);
		return;
	}
	if (++c->answers == h->close_after)
		sim_stream_close(c);
	else
		work(c);
}

static void on_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct sim_stream *c = ctx;
	(void)tcp;
	(void)err;

	give_up_queries(c);
	free_stream(c);
}

void sim_stream_accept(void *ctx, struct nd_tcp *tcp)
{
	struct sim_upstream *u = ctx;
	struct nd_tcp_handler h = { .on_data = on_data, .on_close = on_close };

	if (u->mood.no_tcp || (u->habit.conns_max && u->nstreams >= u->habit.conns_max)) {
		nd_tcp_close(tcp);
		return;
	}
	struct sim_stream *c = calloc(1, sizeof *c);
	ND_ASSERT(c);
	c->u = u;
	c->tcp = tcp;
	nd_buf_init(&c->in, 1 << 20);
	nd_list_add(&u->streams, &c->link);
	u->nstreams++;
	h.ctx = c;
	nd_tcp_start(tcp, &h);
}
