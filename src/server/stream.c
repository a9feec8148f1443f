/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stream.h"

#include <stdlib.h>
#include <string.h>
#include "core/chain.h"

/* As CoreDNS: the first query within 3 s, then 10 s idle. */
#define FIRST_NS ND_S(3)
#define IDLE_NS ND_S(10)

enum {
	PARTS_QUEUED_MAX = 16 << 20, /* queued bytes of an answer sent in parts (a zone transfer) */
	SMALL_FRAME = 1024,          /* first size of the frame buffer */
};

/* OPEN -> HALF_CLOSED -> CLOSING; either may be skipped. From CLOSING only close_conn() follows. */
enum state {
	OPEN,        /* queries are read */
	HALF_CLOSED, /* no more queries are read; closed once those it has are answered */
	CLOSING,     /* to be closed as soon as no function of io/tcp is on the stack */
};

struct conn {
	struct nd_list link; /* in worker->conns */
	struct nd_origin origin;
	struct nd_server_worker *worker;
	struct nd_listener *listener;
	struct nd_tcp *tcp;
	struct nd_timer timer;
	enum state state;
	bool in_data; /* on_data() is on the stack: the connection must not be freed */
	bool paused;  /* not read: ND_SERVER_PIPELINE_MAX queries are in flight */
	bool parts;   /* an answer is sent in parts; its plugin is called when all is written */
	/* An incomplete frame: 2 bytes of length, then the message. */
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
	c->origin.on_release = NULL;
	nd_origin_drop(&c->origin);
	if (--c->listener->nconns == 0 && c->listener->retired)
		w->sweep = true;
	free(c->frame);
	free(c);
}

static void close_conn(struct conn *c)
{
	if (c->in_data) { /* on_data() closes it */
		c->state = CLOSING;
		return;
	}
	nd_tcp_close(c->tcp);
	free_conn(c);
}

static void on_idle(struct nd_timer *t)
{
	struct conn *c = ND_CONTAINER(t, struct conn, timer);

	if (c->origin.nqueries &&
	    c->state != CLOSING) { /* the client waits for answers: not idle */
		nd_timer_start(c->worker->core.loop, &c->timer, IDLE_NS, on_idle);
		return;
	}
	close_conn(c);
}

static void start_query(struct conn *c, const uint8_t *bytes, size_t n)
{
	struct nd_server_worker *w = c->worker;
	struct nd_client client = {
		.peer = c->peer, .local = c->local, .proto = ND_PROTO_TCP, .origin = &c->origin
	};

	w->core.now_ns = nd_loop_now_ns(w->core.loop);
	nd_chain_start(nd_query_new(&w->core, c->listener->endpoint, &client), bytes, n);
}

/* Frames shorter than a header are skipped and the connection remains open, as with CoreDNS. */
static void take_frame(struct conn *c, const uint8_t *bytes, size_t n)
{
	if (n >= ND_MSG_HEADER && c->listener->endpoint)
		start_query(c, bytes, n);
}

/* Appends to the incomplete frame; false: out of memory. */
static bool keep(struct conn *c, const uint8_t *bytes, size_t n)
{
	if (c->have + n > c->cap) {
		size_t cap = c->have + n < SMALL_FRAME ? SMALL_FRAME : ND_MSG_MAX + 2;
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

/* Continues the incomplete frame; returns the bytes used, SIZE_MAX: out of memory. */
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
	c->in_data = true;
	nd_timer_start(w->core.loop, &c->timer, IDLE_NS, on_idle);
	while (n && c->state != CLOSING) {
		size_t used;
		size_t len = n >= 2 ? nd_reader_peek16(bytes) : 0;
		if (c->have == 0 && n >= 2 && n - 2 >= len) { /* complete in the input: no copy */
			used = 2 + len;
			take_frame(c, bytes + 2, len);
		} else {
			used = fill_frame(c, bytes, n);
		}
		if (used == SIZE_MAX) {
			c->state = CLOSING;
			break;
		}
		bytes += used;
		n -= used;
	}
	c->in_data = false;
	if (c->state == CLOSING) {
		close_conn(c);
		return;
	}
	if (c->origin.nqueries >= ND_SERVER_PIPELINE_MAX && !c->paused) {
		c->paused = true;
		nd_tcp_pause(c->tcp, true);
	}
}

/* A query of this connection that waited is finished, answered or not. */
static void on_release(struct nd_origin *o)
{
	struct conn *c = ND_CONTAINER(o, struct conn, origin);

	if (c->state == HALF_CLOSED && !o->nqueries && !c->in_data) /* after the answer is sent */
		nd_timer_start(c->worker->core.loop, &c->timer, 0, on_idle);
	if (c->paused && c->state == OPEN && o->nqueries < ND_SERVER_PIPELINE_MAX / 2) {
		c->paused = false;
		nd_tcp_pause(c->tcp, false);
	}
}

/* A client that closes its side after its queries still gets the answers (RFC 7766 s6.2.4). */
static void on_end(void *ctx, struct nd_tcp *tcp)
{
	struct conn *c = ctx;

	(void)tcp;
	if (c->state == OPEN)
		c->state = HALF_CLOSED;
	if (!c->origin.nqueries)
		close_conn(c);
}

/* All is written: an answer in parts continues. */
static void on_drain(void *ctx, struct nd_tcp *tcp)
{
	struct conn *c = ctx;
	struct nd_server_worker *w = c->worker;

	(void)tcp;
	if (!c->parts)
		return;
	nd_timer_start(w->core.loop, &c->timer, IDLE_NS, on_idle);
	w->core.now_ns = nd_loop_now_ns(w->core.loop);
	nd_origin_drained(&c->origin);
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
	struct conn *c = ND_CONTAINER(q->client.origin, struct conn, origin);
	size_t n = q->ans.w.pos;
	uint8_t len[2] = { (uint8_t)(n >> 8), (uint8_t)n };

	if (c->state == CLOSING)
		return;
	if (q->partial && !c->parts) {
		c->parts = true;
		nd_tcp_set_max_queued(c->tcp, PARTS_QUEUED_MAX);
	}
	/* A client that sends queries without reading is disconnected once its queue is full. */
	if (nd_tcp_write(c->tcp, len, 2) || nd_tcp_write(c->tcp, q->ans.w.base, n)) {
		c->state = CLOSING;
		if (!c->in_data)
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
	nd_origin_init(&c->origin, on_release);
	nd_list_add(&w->conns, &c->link);
	w->nconns++;
	l->nconns++;
	h.ctx = c;
	nd_tcp_start(tcp, &h);
	nd_timer_start(w->core.loop, &c->timer, FIRST_NS, on_idle);
}

void nd_stream_close_all(struct nd_server_worker *w)
{
	while (!nd_list_empty(&w->conns))
		close_conn(ND_LIST_ENTRY(w->conns.next, struct conn, link));
}

void nd_stream_end_listener(struct nd_server_worker *w, const struct nd_listener *l)
{
	ND_LIST_EACH(&w->conns, it) {
		struct conn *c = ND_LIST_ENTRY(it, struct conn, link);
		if (c->listener != l || c->state == CLOSING)
			continue;
		c->state = HALF_CLOSED;
		nd_tcp_pause(c->tcp, true);
		if (!c->origin.nqueries)
			close_conn(c);
	}
}
