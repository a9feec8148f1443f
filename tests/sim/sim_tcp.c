/* SPDX-License-Identifier: Apache-2.0 */
/* io/tcp.h in the simulated world: ordered, and reliable while both hosts are reachable; a lost
 * segment is sent again later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "io/clock.h"
#include "io/tcp.h"
#include "sim/world.h"

#define RETRY_NS ND_MS(200) /* Linux's minimum retransmission timeout */
enum { RETRIES = 5, QUEUE_MAX = 1 << 20 };

struct nd_tcp_listener {
	struct nd_list link;
	struct nd_loop *loop;
	struct nd_addr local;
	void (*on_accept)(void *ctx, struct nd_tcp *c);
	void *ctx;
};

/* Reference-counted: by its owner and by each segment on its way to it. */
struct nd_tcp {
	uint32_t refs;
	struct nd_loop *loop;
	struct nd_tcp_handler handler;
	struct nd_addr local, peer;
	struct nd_tcp *other; /* the peer; NULL before it is open and after it is closed */
	bool started, paused, closed,
		ended;  /* closed: by its owner; ended: the far end's close has come */
	bool drain_due; /* a DRAIN is on its way to it */
	bool finishing; /* by nd_tcp_finish() */
	bool broken;    /* a segment was lost for good: later ones do not arrive */
	int end_err;
	struct nd_buf inbox;      /* received while paused */
	struct nd_buf outbox;     /* written before it was open */
	uint64_t last_arrival_ns; /* of what was sent: keeps the order */
};

enum what { OPEN, DATA, END, DRAIN, FINISH };

struct segment {
	struct nd_world_event event;
	struct nd_tcp *to;
	struct nd_tcp *from; /* gets an RST if the receiver is closed; may be NULL */
	enum what what;
	int err;
	struct nd_addr listener;
	size_t n;
	uint8_t bytes[];
};

static struct nd_list listeners;

static void init_list(void)
{
	if (!listeners.next)
		nd_list_init(&listeners);
}

static struct nd_tcp *new_conn(struct nd_loop *loop)
{
	struct nd_tcp *c = calloc(1, sizeof *c);

	ND_ASSERT(c);
	c->refs = 1;
	c->loop = loop;
	nd_buf_init(&c->inbox, 16 << 20);
	nd_buf_init(&c->outbox, QUEUE_MAX);
	nd_world_count_socket(1);
	return c;
}

static void unref(struct nd_tcp *c)
{
	if (--c->refs)
		return;
	nd_buf_clear(&c->inbox);
	nd_buf_clear(&c->outbox);
	free(c);
}

/* --- segments --- */

static void on_segment(struct nd_world_event *e);

/* Time of arrival, after retransmissions; UINT64_MAX: never. */
static uint64_t arrival(const struct nd_addr *from, const struct nd_addr *to)
{
	uint64_t delay, waited = 0;

	for (unsigned i = 0; i < RETRIES; i++, waited += RETRY_NS << i)
		if (nd_world_transit(from, to, &delay))
			return nd_world_now_ns() + waited + delay;
	return UINT64_MAX;
}

static struct segment *launch(struct nd_tcp *to, enum what what, int err, const void *bytes,
			      size_t n, uint64_t when_ns)
{
	struct segment *s = calloc(1, sizeof *s + n);

	ND_ASSERT(s);
	s->to = to;
	s->what = what;
	s->err = err;
	s->n = n;
	if (n)
		memcpy(s->bytes, bytes, n);
	to->refs++;
	nd_world_at(&s->event, when_ns, NULL, on_segment);
	return s;
}

/* From c to its peer, in order. If all retransmissions are lost the connection ends. */
static void send_segment(struct nd_tcp *c, enum what what, const void *bytes, size_t n)
{
	if (c->broken)
		return;
	uint64_t when = arrival(&c->local, &c->peer);
	if (when == UINT64_MAX) {
		c->broken = true;
		launch(c, END, -ETIMEDOUT, NULL, 0, nd_world_now_ns() + (RETRY_NS << RETRIES));
		return;
	}
	if (when < c->last_arrival_ns)
		when = c->last_arrival_ns;
	c->last_arrival_ns = when;
	struct segment *s = launch(c->other, what, 0, bytes, n, when);
	s->from = c;
	c->refs++;
}

static void end(struct nd_tcp *c, int err)
{
	if (c->closed || c->ended)
		return;
	c->ended = true;
	c->end_err = err;
	if (!c->started || c->paused)
		return; /* reported when it reads */
	if (c->finishing)
		return; /* FINISH is on its way */
	if (err == 0 && c->handler.on_end) {
		c->ended = false; /* its owner may write until it closes it */
		c->handler.on_end(c->handler.ctx, c);
		return;
	}
	c->closed = true; /* a close in the callback does nothing */
	nd_world_count_socket(-1);
	c->handler.on_close(c->handler.ctx, c, err);
	if (c->other)
		unref(c->other);
	c->other = NULL;
	unref(c);
}

/* A stream has no message boundaries: sometimes one write is read in two pieces. */
static void read_inbox(struct nd_tcp *c)
{
	while (c->started && !c->paused && !c->closed && c->inbox.len) {
		struct nd_buf take = c->inbox;
		size_t n = take.len;
		if (n > 1 && nd_world_random(ND_WORLD_NETWORK, 4) == 0)
			n = 1 + nd_world_random(ND_WORLD_NETWORK, (uint32_t)n - 1);
		nd_buf_init(&c->inbox, take.max);
		nd_buf_add(&c->inbox, take.data + n, take.len - n);
		if (!c->finishing)
			c->handler.on_data(c->handler.ctx, c, (const uint8_t *)take.data, n);
		nd_buf_clear(&take);
	}
}

/* The receiver is closed: an RST to the sender. */
static void reset(struct nd_tcp *sender)
{
	uint64_t delay;

	if (nd_world_transit(&sender->peer, &sender->local, &delay))
		launch(sender, END, -ECONNRESET, NULL, 0, nd_world_now_ns() + delay);
}

static void opened(struct nd_tcp *c)
{
	if (c->outbox.len)
		send_segment(c, DATA, c->outbox.data, c->outbox.len);
	nd_buf_clear(&c->outbox);
	if (c->handler.on_open)
		c->handler.on_open(c->handler.ctx, c, 0);
}

/* All was sent at once: the owner hears of the end in an event of its own. */
static void finished(struct nd_tcp *c)
{
	struct nd_tcp_handler h = c->handler;
	struct nd_tcp *held = c;

	held->refs++;
	nd_tcp_close(c);
	if (h.on_close)
		h.on_close(h.ctx, held, 0);
	unref(held);
}

static void on_segment(struct nd_world_event *e)
{
	struct segment *s = (struct segment *)e;
	struct nd_tcp *c = s->to;
	struct nd_loop *loop = c->loop;

	nd_world_note(s->bytes, s->n);
	if ((c->closed || c->ended) && s->what == DATA && s->from && !s->from->closed)
		reset(s->from);
	if (!c->closed && (!c->ended || s->what == FINISH)) {
		switch (s->what) {
		case OPEN:
			c->started = s->err == 0;
			if (s->err) { /* ends with this call */
				c->closed = true;
				nd_world_count_socket(-1);
				c->handler.on_open(c->handler.ctx, c, s->err);
				unref(c);
			} else {
				opened(c);
			}
			break;
		case DATA:
			nd_buf_add(&c->inbox, s->bytes, s->n);
			read_inbox(c);
			break;
		case END: end(c, s->err); break;
		case DRAIN:
			c->drain_due = false;
			if (c->handler.on_drain && !c->finishing)
				c->handler.on_drain(c->handler.ctx, c);
			break;
		case FINISH: finished(c); break;
		}
		nd_world_loop_turn(loop);
	}
	if (s->from)
		unref(s->from);
	free(s);
	unref(c);
}

/* --- listening --- */

int nd_tcp_listen(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_tcp_options *o,
		  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
		  struct nd_tcp_listener **out)
{
	struct nd_tcp_listener *l = calloc(1, sizeof *l);

	(void)o;
	if (!l)
		return -ENOMEM;
	init_list();
	*l = (struct nd_tcp_listener){
		.loop = loop, .local = *addr, .on_accept = on_accept, .ctx = ctx
	};
	nd_list_add(&listeners, &l->link);
	nd_world_count_socket(1);
	*out = l;
	return 0;
}

int nd_tcp_adopt_listener(struct nd_loop *loop, int fd, const struct nd_tcp_options *o,
			  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
			  struct nd_tcp_listener **out)
{
	(void)loop;
	(void)fd;
	(void)o;
	(void)on_accept;
	(void)ctx;
	(void)out;
	return -ENOSYS;
}

void nd_tcp_listener_pause(struct nd_tcp_listener *l, bool paused)
{
	(void)l;
	(void)paused;
}

void nd_tcp_listener_close(struct nd_tcp_listener *l)
{
	if (!l)
		return;
	nd_list_del(&l->link);
	nd_world_count_socket(-1);
	free(l);
}

struct nd_addr nd_tcp_listener_local(const struct nd_tcp_listener *l)
{
	return l->local;
}

int nd_tcp_listener_fd(const struct nd_tcp_listener *l)
{
	(void)l;
	return -1;
}

static struct nd_tcp_listener *find(const struct nd_addr *addr)
{
	init_list();
	ND_LIST_EACH(&listeners, it) {
		struct nd_tcp_listener *l = ND_LIST_ENTRY(it, struct nd_tcp_listener, link);
		if (nd_addr_equal(&l->local, addr))
			return l;
	}
	return NULL;
}

/* The SYN arrives: accepted by a listener, or refused. */
static void on_syn(struct nd_world_event *e)
{
	struct segment *s = (struct segment *)e;
	struct nd_tcp *c = s->to;
	struct nd_tcp_listener *l = find(&c->peer);
	uint64_t when = arrival(&c->peer, &c->local);

	if (when == UINT64_MAX)
		when = nd_world_now_ns() + (RETRY_NS << RETRIES);
	if (!l) {
		nd_world_count_refused();
		launch(c, OPEN, -ECONNREFUSED, NULL, 0, when);
	} else if (!c->closed) {
		struct nd_tcp *far = new_conn(l->loop);
		far->local = c->peer;
		far->peer = c->local;
		far->other = c;
		c->other = far;
		c->refs++;
		far->refs++;
		nd_world_count_stream();
		launch(c, OPEN, 0, NULL, 0, when);
		far->last_arrival_ns = when;
		struct nd_loop *loop = l->loop;
		l->on_accept(l->ctx, far);
		nd_world_loop_turn(loop);
	}
	free(s);
	unref(c);
}

int nd_tcp_connect(struct nd_loop *loop, const struct nd_addr *peer, const struct nd_addr *source,
		   const struct nd_tcp_handler *h, struct nd_tcp **out)
{
	struct nd_tcp *c = new_conn(loop);

	c->handler = *h;
	c->peer = *peer;
	c->local = source && source->len ? *source : nd_world_host(loop);
	if (nd_addr_port(&c->local) == 0)
		nd_addr_set_port(&c->local, nd_world_port());
	uint64_t when = arrival(&c->local, &c->peer);
	if (when == UINT64_MAX) {
		launch(c, OPEN, -ETIMEDOUT, NULL, 0, nd_world_now_ns() + (RETRY_NS << RETRIES));
	} else {
		struct segment *s = calloc(1, sizeof *s);
		ND_ASSERT(s);
		s->to = c;
		c->refs++;
		nd_world_at(&s->event, when, NULL, on_syn);
	}
	*out = c;
	return 0;
}

/* --- a connection --- */

/* Delivers what arrived meanwhile in events of their own, never within the caller. */
static void catch_up(struct nd_tcp *c)
{
	bool was = c->ended;

	c->ended = false;
	if (c->inbox.len)
		launch(c, DATA, 0, NULL, 0, nd_world_now_ns());
	if (was)
		launch(c, END, c->end_err, NULL, 0, nd_world_now_ns());
}

void nd_tcp_start(struct nd_tcp *c, const struct nd_tcp_handler *h)
{
	c->handler = *h;
	c->started = true;
	catch_up(c);
}

int nd_tcp_write(struct nd_tcp *c, const void *bytes, size_t n)
{
	if (c->closed || c->ended || c->finishing)
		return ND_ECLOSED;
	if (!c->started)
		return nd_buf_add(&c->outbox, bytes, n);
	if (n > QUEUE_MAX)
		return ND_ELIMIT;
	send_segment(c, DATA, bytes, n);
	if (!c->drain_due && c->handler.on_drain) {
		c->drain_due = true;
		launch(c, DRAIN, 0, NULL, 0, nd_world_now_ns());
	}
	return 0;
}

int nd_tcp_write_frame(struct nd_tcp *c, const void *bytes, uint16_t n)
{
	uint8_t length[2] = { (uint8_t)(n >> 8), (uint8_t)n };
	int err = nd_tcp_write(c, length, 2);

	return err ? err : nd_tcp_write(c, bytes, n);
}

void nd_tcp_set_liveness(struct nd_tcp *c, unsigned unacked_ms, unsigned idle_s)
{
	(void)c;
	(void)unacked_ms;
	(void)idle_s;
}

size_t nd_tcp_queued(const struct nd_tcp *c)
{
	(void)c;
	return 0; /* all is accepted at once */
}

size_t nd_tcp_flush(struct nd_tcp *c)
{
	return nd_tcp_queued(c);
}

void nd_tcp_set_max_queued(struct nd_tcp *c, size_t bytes)
{
	(void)c;
	(void)bytes;
}

void nd_tcp_pause(struct nd_tcp *c, bool paused)
{
	c->paused = paused;
	if (!paused && c->started && !c->closed)
		catch_up(c);
}

void nd_tcp_close(struct nd_tcp *c)
{
	if (!c || c->closed)
		return;
	c->closed = true;
	nd_world_count_socket(-1);
	if (c->other) {
		send_segment(c, END, NULL, 0);
		unref(c->other);
		c->other = NULL;
	}
	unref(c);
}

void nd_tcp_finish(struct nd_tcp *c)
{
	if (c->closed || c->finishing)
		return;
	c->finishing = true;
	launch(c, FINISH, 0, NULL, 0, nd_world_now_ns());
}

void nd_tcp_abort(struct nd_tcp *c)
{
	nd_tcp_close(c);
}

struct nd_addr nd_tcp_peer(const struct nd_tcp *c)
{
	return c->peer;
}

struct nd_addr nd_tcp_local(const struct nd_tcp *c)
{
	return c->local;
}
