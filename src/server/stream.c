/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stream.h"

#include <stdlib.h>
#include <string.h>
#include "core/chain.h"

/* CoreDNS: first question within 3 s, then 10 s idle. */
#define FIRST_NS (3 * (uint64_t)ND_NS_PER_S)
#define IDLE_NS (10 * (uint64_t)ND_NS_PER_S)

/* Parts of one answer that may wait to be written; a plugin waits itself after each handful. */
enum { PARTS_QUEUED_MAX = 16 << 20 };

struct conn {
	struct nd_list link; /* of the worker; the least lately used first */
	struct nd_server_worker *worker;
	struct nd_listener *listener;
	struct nd_tcp *tcp;
	struct nd_timer timer;
	uint32_t inflight;
	bool paused, closing, reading;
	bool draining; /* somebody wants to hear when all is written */
	bool ended;    /* the client has said all it will, and waits for what is left */
	/* A frame that has come in part: 2 octets of length, then the message. */
	uint32_t have, cap;
	uint8_t *frame;
	struct nd_addr peer, local;
};

static void free_conn(struct conn *c)
{
	struct nd_server_worker *w = c->worker;

	nd_timer_stop(&c->timer);
	nd_list_del(&c->link);
	w->nconns--;
	c->paused = c->ended = false; /* nothing is left to resume or to wait for */
	if (c->inflight)
		nd_worker_drop_conn(&w->core, c);
	free(c->frame);
	free(c);
}

static void close_conn(struct conn *c)
{
	if (c->reading) { /* further up the stack bytes of it are being read */
		c->closing = true;
		return;
	}
	nd_tcp_close(c->tcp);
	free_conn(c);
}

static void on_idle(struct nd_timer *t)
{
	struct conn *c = ND_CONTAINER(t, struct conn, timer);

	if (c->inflight && !c->closing) { /* it waits for us, not we for it */
		nd_timer_start(c->worker->core.loop, &c->timer, IDLE_NS, on_idle);
		return;
	}
	close_conn(c);
}

static void start_query(struct conn *c, const uint8_t *bytes, size_t n)
{
	struct nd_server_worker *w = c->worker;
	struct nd_client client = {
		.peer = c->peer, .local = c->local, .proto = ND_PROTO_TCP, .conn = c
	};

	w->core.now_ns = nd_loop_now_ns(w->core.loop);
	struct nd_query *q = nd_query_new(&w->core, c->listener->endpoint, &client);
	if (!q)
		return;
	c->inflight++;
	q->on_release = true;
	nd_chain_start(q, bytes, n);
}

/* Frames shorter than a header are skipped and the connection stays, as with CoreDNS. */
static void take_frame(struct conn *c, const uint8_t *bytes, size_t n)
{
	if (n >= ND_MSG_HEADER && c->listener->endpoint)
		start_query(c, bytes, n);
}

static bool keep(struct conn *c, const uint8_t *bytes, size_t n)
{
	if (c->have + n > c->cap) {
		size_t cap = c->have + n < 1024 ? 1024 : ND_MSG_MAX + 2;
		uint8_t *grown = realloc(c->frame, cap);
		if (!grown)
			return false;
		c->frame = grown;
		c->cap = (uint32_t)cap;
	}
	memcpy(c->frame + c->have, bytes, n);
	c->have += (uint32_t)n;
	return true;
}

/* Completes the frame that has come in part; returns octets used. */
static size_t fill_frame(struct conn *c, const uint8_t *bytes, size_t n)
{
	size_t used = 0;

	while (c->have < 2 && used < n)
		if (!keep(c, bytes + used++, 1))
			return SIZE_MAX;
	if (c->have < 2)
		return used;
	size_t want = 2 + (size_t)nd_reader_peek16(c->frame) - c->have;
	size_t take = n - used < want ? n - used : want;
	if (take && !keep(c, bytes + used, take))
		return SIZE_MAX;
	used += take;
	if (take == want) {
		size_t len = c->have - 2;
		c->have = 0;
		take_frame(c, c->frame + 2, len);
	}
	return used;
}

static void on_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct conn *c = ctx;
	struct nd_server_worker *w = c->worker;

	(void)tcp;
	c->reading = true;
	nd_timer_start(w->core.loop, &c->timer, IDLE_NS, on_idle);
	while (n && !c->closing) {
		size_t used;
		size_t len = n >= 2 ? nd_reader_peek16(bytes) : 0;
		if (c->have == 0 && n >= 2 && n - 2 >= len) { /* whole in what was read: no copy */
			used = 2 + len;
			take_frame(c, bytes + 2, len);
		} else {
			used = fill_frame(c, bytes, n);
		}
		if (used == SIZE_MAX) {
			c->closing = true;
			break;
		}
		bytes += used;
		n -= used;
	}
	c->reading = false;
	if (c->closing) {
		close_conn(c);
		return;
	}
	if (c->inflight >= ND_SERVER_PIPELINE_MAX && !c->paused) {
		c->paused = true;
		nd_tcp_pause(c->tcp, true);
	}
}

/* A query of this connection has ended, answered or not. */
static void on_release(struct nd_query *q)
{
	struct conn *c = q->client.conn;

	c->inflight--;
	if (c->ended && !c->inflight &&
	    !c->reading) /* once the answer is written: after this turn */
		nd_timer_start(c->worker->core.loop, &c->timer, 0, on_idle);
	if (c->paused && c->inflight < ND_SERVER_PIPELINE_MAX / 2) {
		c->paused = false;
		nd_tcp_pause(c->tcp, false);
	}
}

/* A client that closes its side at once after asking still gets its answers (RFC 7766 s6.2.4). */
static void on_end(void *ctx, struct nd_tcp *tcp)
{
	struct conn *c = ctx;

	(void)tcp;
	c->ended = true;
	if (!c->inflight)
		close_conn(c);
}

/* All is written: a transfer goes on. */
static void on_drain(void *ctx, struct nd_tcp *tcp)
{
	struct conn *c = ctx;
	struct nd_server_worker *w = c->worker;

	(void)tcp;
	if (!c->draining)
		return;
	nd_timer_start(w->core.loop, &c->timer, IDLE_NS, on_idle);
	w->core.now_ns = nd_loop_now_ns(w->core.loop);
	nd_worker_drained(&w->core, c);
}

static void on_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct conn *c = ctx;

	(void)tcp;
	(void)err;
	free_conn(c);
}

void nd_stream_send(struct nd_query *q)
{
	struct conn *c = q->client.conn;
	size_t n = q->ans.w.pos;
	uint8_t len[2] = { (uint8_t)(n >> 8), (uint8_t)n };

	if (c->closing)
		return;
	if (q->partial && !c->draining) {
		c->draining = true;
		nd_tcp_set_max_queued(c->tcp, PARTS_QUEUED_MAX);
	}
	/* A client that asks and does not read is cut off once its queue is full. */
	if (nd_tcp_write(c->tcp, len, 2) || nd_tcp_write(c->tcp, q->ans.w.base, n)) {
		c->closing = true;
		if (!c->reading)
			nd_timer_start(c->worker->core.loop, &c->timer, 0, on_idle);
	}
}

void nd_stream_accept(void *listener, struct nd_tcp *tcp)
{
	struct nd_listener *l = listener;
	struct nd_server_worker *w = l->worker;
	struct nd_tcp_handler h = {
		.on_data = on_data, .on_end = on_end, .on_close = on_close, .on_drain = on_drain
	};
	struct conn *c = NULL;

	if (l->endpoint && !w->draining && w->nconns < ND_SERVER_CONNS_MAX)
		c = calloc(1, sizeof *c);
	if (!c) {
		w->conns_refused++;
		nd_tcp_close(tcp);
		return;
	}
	c->worker = w;
	c->listener = l;
	c->tcp = tcp;
	c->peer = nd_tcp_peer(tcp);
	c->local = nd_tcp_local(tcp);
	nd_list_add(&w->conns, &c->link);
	w->nconns++;
	w->core.on_release = on_release;
	h.ctx = c;
	nd_tcp_start(tcp, &h);
	nd_timer_start(w->core.loop, &c->timer, FIRST_NS, on_idle);
}

void nd_stream_close_all(struct nd_server_worker *w)
{
	while (!nd_list_empty(&w->conns))
		close_conn(ND_LIST_ENTRY(w->conns.next, struct conn, link));
}

void nd_stream_close_listener(struct nd_server_worker *w, const struct nd_listener *l)
{
	ND_LIST_EACH(&w->conns, it) {
		struct conn *c = ND_LIST_ENTRY(it, struct conn, link);
		if (c->listener == l)
			close_conn(c);
	}
}
