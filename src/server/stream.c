/* SPDX-License-Identifier: Apache-2.0 */
/* A connection is read while its answers are taken. It waits, paused, while ND_SERVER_PIPELINE_MAX
 * queries are in flight or its client does not read; input that was read already is kept.
 *
 * Its time limits, which are the endpoint's, run from a question or an answer, never from a byte: a
 * question takes limit_ns at most, however its bytes arrive, and empty frames do not extend it. */
#include "server/stream.h"

#include <stdlib.h>
#include "base/budget.h"
#include "core/chain.h"
#include "core/process.h"
#include "io/nofile.h"
#include "io/random.h"
#include "server/frame.h"

#define TOUCH_NS ND_MS(100) /* coarse: the order of the table */

/* Either of HALF_CLOSED and ENDING may be skipped. */
enum state {
	OPEN,        /* questions are read */
	HALF_CLOSED, /* no more are read; closed once those it has are answered */
	ENDING,      /* to be closed as soon as no function that uses it is on the stack */
	CLOSED,      /* given to nd_tcp_finish(); counted until on_close() */
};

struct conn {
	struct nd_list link; /* in worker->conns */
	struct nd_stream_node node;
	struct nd_origin origin;
	struct nd_server_worker *worker;
	struct nd_listener *listener;
	struct nd_tcp *tcp;
	struct nd_timer deadline, again;
	enum state state;
	bool in_use;   /* one of its functions is on the stack: it must not be freed */
	bool waiting;  /* not read */
	bool blocked;  /* its client does not read */
	bool loaded;   /* ND_STREAM_UNREAD_MAX bytes of answers are queued */
	bool parts;    /* an answer is sent in parts; its plugin is called when all is written */
	bool asked;    /* a question since settle() */
	int64_t taken; /* frames */
	struct nd_frame frame;
	struct nd_conn_limits limits; /* the endpoint's, as of the last question */
	uint64_t limit_ns;            /* read_ns or idle_ns */
	uint64_t fires_ns;            /* when the deadline timer fires */
	uint64_t last_ns;             /* accepted, or the last question or answer */
	uint64_t frame_ns;            /* the first byte after the last question; 0: none */
	uint64_t written;             /* bytes of answers */
	uint64_t stall_ns, stalled;   /* while blocked: since when, and bytes sent until then */
	struct nd_addr peer, local;
};

enum {
	/* Of a connection: its structures, and the smallest of its buffers. */
	BASE_BYTES = sizeof(struct conn) + 1536,
	/* What the kernel may hold of a connection that is not read, or does not read. */
	RECEIVE_BYTES = 2 * ND_LISTENER_TCP_RECEIVE,
	SEND_BYTES = 2 * ND_LISTENER_TCP_SEND,
};

static struct nd_stream_table *table_of(const struct conn *c)
{
	return &c->worker->streams;
}

static uint64_t now_of(const struct conn *c)
{
	return nd_loop_now_ns(c->worker->core.loop);
}

/* --- the end --- */

/* Its tcp is closed, or about to be. */
static void free_conn(struct conn *c)
{
	nd_timer_stop(&c->deadline);
	nd_timer_stop(&c->again);
	nd_list_del(&c->link);
	c->origin.on_release = NULL;
	nd_origin_drop(&c->origin);
	if (--c->listener->nconns == 0 && c->listener->retired)
		c->worker->sweep = true;
	nd_stream_table_del(table_of(c), &c->node);
	nd_frame_clear(&c->frame);
	free(c);
	nd_nofile_give();
}

/* At once, without what is queued. */
static void drop(struct conn *c)
{
	nd_tcp_abort(c->tcp);
	free_conn(c);
}

static void evict(struct nd_stream_node *n)
{
	struct conn *c = ND_CONTAINER(n, struct conn, node);

	c->worker->conns_evicted++;
	drop(c);
}

/* Sends what is queued; on_close() follows. */
static void finish(struct conn *c)
{
	c->state = CLOSED;
	nd_timer_stop(&c->deadline);
	nd_timer_stop(&c->again);
	c->origin.on_release = NULL;
	nd_origin_drop(&c->origin);
	nd_frame_clear(&c->frame);
	nd_stream_table_set_busy(table_of(c), &c->node, false);
	nd_tcp_finish(c->tcp);
}

static void on_close(void *ctx, struct nd_tcp *tcp, int err)
{
	(void)tcp;
	(void)err;
	free_conn(ctx);
}

/* --- memory, ranks and time --- */

/* Counts the memory that c holds. Without room the connection that holds most ends. False: c. */
static bool hold(struct conn *c)
{
	struct nd_stream_table *t = table_of(c);
	size_t bytes = BASE_BYTES + nd_frame_heap(&c->frame) + (c->waiting ? RECEIVE_BYTES : 0) +
		       (c->blocked ? SEND_BYTES + nd_tcp_queued(c->tcp) : 0);

	while (bytes != c->node.held && !nd_stream_table_hold(t, &c->node, bytes)) {
		struct nd_stream_node *most = nd_stream_table_heaviest(t);
		if (most == &c->node || most->held < bytes) {
			evict(&c->node);
			return false;
		}
		evict(most);
	}
	return true;
}

/* When c may be closed; later than now while it waits for us. */
static uint64_t due(const struct conn *c)
{
	if (c->blocked)
		return c->stall_ns + c->limits.write_ns;
	if (c->waiting || (c->origin.nqueries && !c->frame_ns))
		return now_of(c) + c->limits.idle_ns;
	if (c->origin.nqueries)
		return c->frame_ns + c->limit_ns;
	return c->last_ns + c->limit_ns;
}

static void on_deadline(struct nd_timer *t);

/* Starts the timer for `at`, unless it fires before. */
static void watch(struct conn *c, uint64_t at)
{
	uint64_t now = now_of(c);

	if (c->fires_ns <= at)
		return;
	c->fires_ns = at;
	nd_timer_start(c->worker->core.loop, &c->deadline, at > now ? at - now : 0, on_deadline);
}

/* Takes no more queries; those it has are answered. */
static void stop_reading(struct conn *c)
{
	c->state = HALF_CLOSED;
	c->waiting = c->blocked;
	c->frame_ns = 0;
	nd_frame_clear(&c->frame);
	nd_tcp_pause(c->tcp, true);
}

/* After anything has happened to c, with none of its functions on the stack. May free it. */
static void settle(struct conn *c)
{
	if (c->state == ENDING) {
		if (c->blocked)
			drop(c);
		else
			finish(c);
		return;
	}
	nd_frame_trim(&c->frame);
	if (!hold(c))
		return;
	bool busy = c->origin.nqueries || c->blocked;
	nd_stream_table_set_busy(table_of(c), &c->node, busy);
	if (c->asked && now_of(c) - c->node.since_ns >= TOUCH_NS)
		nd_stream_table_touch(table_of(c), &c->node, now_of(c));
	if (c->asked)
		c->frame_ns = 0;
	c->asked = false;
	if (!c->frame_ns && nd_frame_pending(&c->frame))
		c->frame_ns = now_of(c);
	if (c->state == HALF_CLOSED && !busy && !c->waiting)
		finish(c);
	else
		watch(c, due(c));
}

/* Has the client read enough of its answers lately? */
static bool reads(struct conn *c)
{
	uint64_t sent = c->written - nd_tcp_queued(c->tcp);

	if (sent - c->stalled < ND_STREAM_PROGRESS_MIN)
		return false;
	c->stalled = sent;
	c->stall_ns = now_of(c);
	return true;
}

static void on_deadline(struct nd_timer *t)
{
	struct conn *c = ND_CONTAINER(t, struct conn, deadline);
	uint64_t now = now_of(c);

	if (now >= due(c)) {
		if (c->blocked && !reads(c)) {
			c->worker->conns_unread++;
			drop(c);
			return;
		}
		if (!c->blocked && !c->origin.nqueries) {
			finish(c);
			return;
		}
		if (!c->blocked) /* a frame takes too long; the answers are still sent */
			stop_reading(c);
	}
	c->fires_ns = UINT64_MAX;
	watch(c, due(c));
}

/* --- questions --- */

/* Frames shorter than a header are skipped and the connection remains open, as with CoreDNS. */
static void take_message(struct conn *c, const struct nd_frame_bytes *m)
{
	struct nd_server_worker *w = c->worker;
	struct nd_client client = {
		.peer = c->peer, .local = c->local, .proto = ND_PROTO_TCP, .origin = &c->origin
	};

	if (m->n < ND_MSG_HEADER || !c->listener->endpoint)
		return;
	w->core.now_ns = now_of(c);
	c->asked = true;
	c->last_ns = w->core.now_ns;
	c->limits = c->listener->endpoint->limits;
	c->limit_ns = c->limits.idle_ns;
	nd_chain_start(nd_query_new(&w->core, c->listener->endpoint, &client), m->at, m->n);
}

static bool must_wait(const struct conn *c)
{
	return c->blocked || c->loaded || c->origin.nqueries >= ND_SERVER_PIPELINE_MAX;
}

/* Counts a frame. True: maxtcpqueries of plugin timeouts are taken. */
static bool is_last(struct conn *c)
{
	c->taken++;
	return c->limits.queries > 0 && c->taken >= c->limits.queries;
}

/* Takes the questions of kept bytes and of the input, until they end or c must wait. */
static void read_frames(struct conn *c, struct nd_frame_bytes in)
{
	struct nd_frame_bytes message;
	enum nd_frame_state got = ND_FRAME_MESSAGE;

	c->in_use = true;
	c->waiting = must_wait(c);
	while (!c->waiting && c->state < ENDING && got == ND_FRAME_MESSAGE) {
		got = nd_frame_next(&c->frame, &in, &message);
		if (got == ND_FRAME_MESSAGE)
			take_message(c, &message);
		c->waiting = must_wait(c);
		if (got == ND_FRAME_MESSAGE && is_last(c) && c->state < ENDING) {
			stop_reading(c);
			in = (struct nd_frame_bytes){ 0 };
		}
	}
	if (got == ND_FRAME_NO_MEMORY || !nd_frame_keep(&c->frame, &in))
		c->state = ENDING;
	c->in_use = false;
}

static void on_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct conn *c = ctx;

	read_frames(c, (struct nd_frame_bytes){ bytes, n });
	if (c->waiting)
		nd_tcp_pause(tcp, true);
	settle(c);
}

/* Reads again if c need not wait any longer. */
static void resume(struct conn *c)
{
	if (c->waiting && c->state < ENDING) {
		read_frames(c, (struct nd_frame_bytes){ 0 });
		if (!c->waiting && c->state == OPEN)
			nd_tcp_pause(c->tcp, false);
	}
	settle(c);
}

static void on_again(struct nd_timer *t)
{
	resume(ND_CONTAINER(t, struct conn, again));
}

/* Calls resume() when no function of c is on the stack. */
static void resume_later(struct conn *c)
{
	if (!c->again.node.linked)
		nd_timer_start(c->worker->core.loop, &c->again, 0, on_again);
}

/* A query of this connection that waited is finished, answered or not. */
static void on_release(struct nd_origin *o)
{
	struct conn *c = ND_CONTAINER(o, struct conn, origin);

	c->last_ns = c->worker->core.now_ns;
	if (c->in_use)
		return;
	if (!o->nqueries && !c->blocked)
		nd_stream_table_set_busy(table_of(c), &c->node, false);
	if ((c->state == HALF_CLOSED && !o->nqueries) ||
	    (c->waiting && o->nqueries < ND_SERVER_PIPELINE_MAX / 2))
		resume_later(c); /* after the answer is sent */
}

/* A client that closes its side after its queries still gets the answers (RFC 7766 s6.2.4). */
static void on_end(void *ctx, struct nd_tcp *tcp)
{
	struct conn *c = ctx;

	(void)tcp;
	if (c->state == OPEN)
		c->state = HALF_CLOSED;
	settle(c);
}

/* --- answers --- */

static void on_blocked(void *ctx, struct nd_tcp *tcp)
{
	struct conn *c = ctx;

	if (!c->blocked) {
		c->blocked = c->waiting = true;
		c->stall_ns = now_of(c);
		c->stalled = c->written - nd_tcp_queued(tcp);
		nd_tcp_pause(tcp, true);
	}
	settle(c);
}

/* All is written: an answer in parts continues. */
static void on_drain(void *ctx, struct nd_tcp *tcp)
{
	struct conn *c = ctx;

	(void)tcp;
	if (!c->parts && !c->waiting && !c->loaded)
		return;
	if (c->blocked && c->frame_ns) /* it was not read meanwhile */
		c->frame_ns = now_of(c);
	c->blocked = c->loaded = false;
	c->last_ns = c->worker->core.now_ns = now_of(c);
	if (c->parts) {
		c->in_use = true;
		nd_origin_drained(&c->origin);
		c->in_use = false;
	}
	resume(c);
}

void nd_stream_send(struct nd_query *q)
{
	struct conn *c = ND_CONTAINER(q->client.origin, struct conn, origin);
	size_t n = q->ans.w.pos;

	if (c->state >= ENDING)
		return;
	/* An answer in parts cannot end with an error: the client must see that it is not whole. */
	bool broken = q->partial && q->rcode != ND_RCODE_NOERROR;
	c->parts = c->parts || q->partial;
	if (broken || nd_tcp_write_frame(c->tcp, q->ans.w.base, (uint16_t)n)) {
		c->worker->conns_unread += !broken;
		c->state = ENDING;
		resume_later(c);
		return;
	}
	c->written += n + 2;
	if (nd_tcp_queued(c->tcp) > ND_STREAM_UNREAD_MAX)
		c->loaded = nd_tcp_flush(c->tcp) > ND_STREAM_UNREAD_MAX;
	if (c->blocked)
		resume_later(c);
}

/* --- accepting --- */

static bool make_table(struct nd_server_worker *w)
{
	uint32_t workers = w->core.gen->gen->process->nworkers;
	uint32_t max = nd_nofile_max() < ND_SERVER_CONNS_MAX ? nd_nofile_max()
							     : ND_SERVER_CONNS_MAX;
	struct nd_siphash_key key;

	if (w->streams.hash)
		return true;
	nd_random_bytes(&key, sizeof key);
	max = max / workers > ND_SERVER_CONNS_MIN ? max / workers : ND_SERVER_CONNS_MIN;
	return nd_stream_table_init(&w->streams, max,
				    nd_budget_ceiling(ND_BUDGET_STREAMS) / workers, &key) == 0;
}

/* Makes room in the table and takes a descriptor. */
static bool make_room(struct nd_server_worker *w)
{
	struct nd_stream_node *n;

	while (nd_stream_table_full(&w->streams) || !nd_nofile_take()) {
		n = nd_stream_table_victim(&w->streams, nd_loop_now_ns(w->core.loop));
		if (!n)
			return false;
		evict(n);
	}
	return true;
}

/* Counts the memory of a new connection, which is in the table. */
static bool make_memory(struct conn *c)
{
	struct nd_stream_table *t = table_of(c);

	while (!nd_stream_table_hold(t, &c->node, BASE_BYTES)) {
		struct nd_stream_node *n = nd_stream_table_heaviest(t);
		if (n->held <= 2 * BASE_BYTES)
			n = nd_stream_table_victim(t, now_of(c));
		if (n == &c->node)
			return false;
		evict(n);
	}
	return true;
}

static struct conn *new_conn(struct nd_listener *l, struct nd_tcp *tcp)
{
	struct nd_server_worker *w = l->worker;
	uint64_t now = nd_loop_now_ns(w->core.loop);

	if (!l->endpoint || w->draining || !make_table(w) || !make_room(w))
		return NULL;
	struct conn *c = calloc(1, sizeof *c);
	if (!c) {
		nd_nofile_give();
		return NULL;
	}
	c->worker = w;
	c->listener = l;
	c->tcp = tcp;
	c->peer = nd_tcp_peer(tcp);
	c->local = nd_tcp_local(tcp);
	c->limits = l->endpoint->limits;
	c->limit_ns = c->limits.read_ns;
	c->fires_ns = UINT64_MAX;
	c->last_ns = now;
	nd_origin_init(&c->origin, on_release);
	nd_list_add(&w->conns, &c->link);
	l->nconns++;
	if (!nd_stream_table_add(&w->streams, &c->node, &c->peer, now) || !make_memory(c)) {
		free_conn(c);
		return NULL;
	}
	return c;
}

void nd_stream_accept(void *listener, struct nd_tcp *tcp)
{
	struct nd_listener *l = listener;
	struct conn *c = new_conn(l, tcp);

	if (!c) {
		l->worker->conns_refused++;
		nd_tcp_abort(tcp);
		return;
	}
	nd_tcp_start(tcp, &(struct nd_tcp_handler){ .ctx = c,
						    .on_data = on_data,
						    .on_end = on_end,
						    .on_close = on_close,
						    .on_blocked = on_blocked,
						    .on_drain = on_drain });
	watch(c, due(c));
}

void nd_stream_close_all(struct nd_server_worker *w)
{
	ND_LIST_EACH(&w->conns, it) {
		struct conn *c = ND_LIST_ENTRY(it, struct conn, link);
		nd_tcp_close(c->tcp);
		free_conn(c);
	}
	nd_stream_table_clear(&w->streams);
}

void nd_stream_end_listener(struct nd_server_worker *w, const struct nd_listener *l)
{
	ND_LIST_EACH(&w->conns, it) {
		struct conn *c = ND_LIST_ENTRY(it, struct conn, link);
		if (c->listener != l || c->state != OPEN)
			continue;
		stop_reading(c);
		if (!c->origin.nqueries && !c->blocked)
			finish(c);
	}
}
