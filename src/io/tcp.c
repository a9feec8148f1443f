/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections.
 *
 * A stream reads one buffer per turn. libuv would read up to 32, and a peer that sends faster than
 * its bytes are processed would starve other connections and timers. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include "io/sock.h"
#include "io/tcp_parts.h"

#define LINGER_NS ND_S(3)

enum { MAX_QUEUED = 1 << 20, KEEP_BYTES = 4096, READ_BYTES = 65536 };

/* Read into by all connections of a loop: a piece is handled before the next one is read. */
struct nd_tcp_shared {
	struct nd_hook loop_end;
	uint8_t bytes[READ_BYTES];
};

static void flush(struct nd_tcp *c);

static void free_shared(struct nd_hook *h)
{
	free(ND_CONTAINER(h, struct nd_tcp_shared, loop_end));
}

static bool make_shared(struct nd_loop *loop)
{
	if (loop->tcp)
		return true;
	loop->tcp = malloc(sizeof *loop->tcp);
	if (!loop->tcp)
		return false;
	loop->tcp->loop_end = (struct nd_hook){ .fn = free_shared };
	nd_loop_at_loop_end(loop, &loop->tcp->loop_end);
	return true;
}

static void free_tcp(uv_handle_t *h)
{
	struct nd_tcp *c = h->data;

	nd_buf_clear(&c->queue);
	nd_buf_clear(&c->in_flight);
	free(c);
}

void nd_tcp_close_now(struct nd_tcp *c)
{
	struct nd_tcp_handler h = c->handler;
	bool report = c->state == ND_TCP_LINGERING && h.on_close; /* nd_tcp_finish() */

	c->state = ND_TCP_CLOSED;
	nd_list_del(&c->flush.link);
	nd_timer_stop(&c->linger);
	if (report)
		h.on_close(h.ctx, c, 0);
	nd_loop_touch(c->loop);
	if (!uv_is_closing((uv_handle_t *)&c->stream))
		uv_close((uv_handle_t *)&c->stream, free_tcp);
}

/* The connection broke, or the loop is freed: reports it to the owner, if it still has one. */
static void fail(struct nd_tcp *c, int err)
{
	enum nd_tcp_state was = c->state;

	c->state = ND_TCP_CLOSED; /* calls by the owner now have no effect */
	if (was == ND_TCP_CONNECTING)
		c->handler.on_open(c->handler.ctx, c, err);
	else if ((was == ND_TCP_OPEN || was == ND_TCP_LINGERING) && c->handler.on_close)
		c->handler.on_close(c->handler.ctx, c, err);
	nd_tcp_close_now(c);
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void give_buffer(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct nd_tcp *c = h->data;
	bool again = c->read_turn == c->loop->turn_number;
	(void)suggested;

	/* With an empty buffer libuv does not read now. The descriptor remains readable, so the
	 * next turn does not sleep. */
	*buf = uv_buf_init((char *)c->loop->tcp->bytes, again ? 0 : READ_BYTES);
}

static void set_reading(struct nd_tcp *c, bool on)
{
	uv_stream_t *stream = (uv_stream_t *)&c->stream;

	nd_loop_touch(c->loop);
	if (on && !c->reading && !c->ended)
		c->reading = uv_read_start(stream, give_buffer, on_bytes) == 0;
	else if (!on && c->reading)
		c->reading = uv_read_stop(stream) != 0;
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	struct nd_tcp *c = req->handle->data;

	if (c->state != ND_TCP_LINGERING)
		return;
	if (status < 0 || c->ended)
		nd_tcp_close_now(c);
	else
		set_reading(c, true);
}

static void on_linger_over(struct nd_timer *t)
{
	nd_tcp_close_now(ND_CONTAINER(t, struct nd_tcp, linger));
}

static void begin_linger(struct nd_tcp *c)
{
	c->state = ND_TCP_LINGERING;
	bool empty = nd_tcp_queued(c) == 0;
	if (empty && !c->handler.on_close) {
		nd_tcp_close_now(c);
		return;
	}
	set_reading(c, false);
	/* An owner that waits for on_close is not called from inside its own call. */
	nd_timer_start(c->loop, &c->linger, empty ? 0 : LINGER_NS, on_linger_over);
}

/* The queue is empty. */
static void on_drained(struct nd_tcp *c)
{
	if (c->state == ND_TCP_LINGERING) {
		nd_loop_touch(c->loop);
		if (uv_shutdown(&c->req.shutdown, (uv_stream_t *)&c->stream, on_shutdown))
			nd_tcp_close_now(c);
	} else if (c->handler.on_drain) {
		c->handler.on_drain(c->handler.ctx, c);
	}
}

static void on_end(struct nd_tcp *c)
{
	c->ended = true;
	set_reading(c, false);
	if (c->state == ND_TCP_LINGERING) {
		if (nd_tcp_queued(c) == 0)
			nd_tcp_close_now(c);
	} else if (c->handler.on_end) {
		c->handler.on_end(c->handler.ctx, c);
	} else {
		struct nd_tcp_handler h = c->handler;
		c->handler = (struct nd_tcp_handler){ 0 };
		begin_linger(c);
		if (h.on_close)
			h.on_close(h.ctx, c, 0);
	}
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct nd_tcp *c = stream->data;

	if (n == UV_ENOBUFS) /* give_buffer() */
		return;
	nd_loop_touch(c->loop);
	c->read_turn = c->loop->turn_number;
	if (n == UV_EOF)
		on_end(c);
	else if (n < 0)
		fail(c, (int)n);
	else if (n > 0 && c->state == ND_TCP_OPEN)
		c->handler.on_data(c->handler.ctx, c, (const uint8_t *)buf->base, (size_t)n);
	else if (n > 0 && c->state == ND_TCP_LINGERING &&
		 (c->discarded += (uint32_t)n) > ND_TCP_DISCARD_MAX)
		nd_tcp_close_now(c);
}

/* Empties a buffer; keeps its memory if small. */
static void empty(struct nd_buf *b)
{
	if (b->cap > KEEP_BYTES)
		nd_buf_clear(b);
	else
		nd_buf_reset(b);
}

static void on_written(uv_write_t *req, int status)
{
	struct nd_tcp *c = req->handle->data;

	c->writing = false;
	if (c->state == ND_TCP_CLOSED)
		return;
	nd_loop_touch(c->loop);
	empty(&c->in_flight);
	if (status < 0)
		fail(c, status);
	else if (c->queue.len)
		flush(c);
	else
		on_drained(c);
}

/* Writes as much as the socket accepts; libuv writes the rest later. */
static void flush(struct nd_tcp *c)
{
	uv_stream_t *stream = (uv_stream_t *)&c->stream;
	uv_buf_t bytes = uv_buf_init(c->queue.data, (unsigned)c->queue.len);

	nd_list_del(&c->flush.link);
	/* Empty after nd_tcp_flush(). */
	int n = c->queue.len ? uv_try_write(stream, &bytes, 1) : 0;
	if (n == UV_EAGAIN)
		n = 0;
	if (n < 0) {
		fail(c, n);
		return;
	}
	if ((size_t)n == c->queue.len) {
		empty(&c->queue);
		on_drained(c);
		return;
	}
	struct nd_buf spare = c->in_flight;
	c->in_flight = c->queue;
	c->queue = spare;
	bytes = uv_buf_init(c->in_flight.data + n, (unsigned)(c->in_flight.len - (size_t)n));
	c->writing = true;
	nd_loop_touch(c->loop);
	int err = uv_write(&c->req.write, stream, &bytes, 1, on_written);
	if (err) {
		c->writing = false;
		fail(c, err);
	} else if (c->state == ND_TCP_OPEN && c->handler.on_blocked) {
		c->handler.on_blocked(c->handler.ctx, c);
	}
}

static void on_turn_end(struct nd_hook *h)
{
	flush(ND_CONTAINER(h, struct nd_tcp, flush));
}

/* The loop is being freed: queued bytes get one attempt. */
static void destroy(struct nd_uv_owner *owner)
{
	struct nd_tcp *c = (struct nd_tcp *)owner;

	if (nd_list_linked(&c->flush.link)) {
		uv_buf_t bytes = uv_buf_init(c->queue.data, (unsigned)c->queue.len);
		uv_try_write((uv_stream_t *)&c->stream, &bytes, 1);
	}
	fail(c, ND_ECLOSED);
}

struct nd_tcp *nd_tcp_new(struct nd_loop *loop, enum nd_tcp_state state)
{
	struct nd_tcp *c = make_shared(loop) ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return NULL;
	c->owner.destroy = destroy;
	c->flush.fn = on_turn_end;
	c->loop = loop;
	c->state = state;
	nd_buf_init(&c->queue, MAX_QUEUED);
	nd_buf_init(&c->in_flight, MAX_QUEUED);
	nd_loop_touch(loop);
	uv_tcp_init(&loop->uv, &c->stream); /* no socket yet: cannot fail */
	c->stream.data = c;
	return c;
}

static void on_connected(uv_connect_t *req, int status)
{
	struct nd_tcp *c = req->handle->data;

	if (c->state == ND_TCP_CLOSED)
		return;
	nd_loop_touch(c->loop);
	if (status < 0) {
		fail(c, status);
		return;
	}
	c->state = ND_TCP_OPEN;
	uv_tcp_nodelay(&c->stream, 1);
	if (c->queue.len)
		nd_loop_at_turn_end(c->loop, &c->flush);
	set_reading(c, !c->paused);
	c->handler.on_open(c->handler.ctx, c, 0);
}

int nd_tcp_connect(struct nd_loop *loop, const struct nd_addr *peer, const struct nd_addr *source,
		   const struct nd_tcp_handler *h, struct nd_tcp **out)
{
	struct nd_tcp *c = nd_tcp_new(loop, ND_TCP_CONNECTING);
	int err;

	if (!c)
		return -ENOMEM;
	c->handler = *h;
	c->peer = *peer;
	err = source ? uv_tcp_bind(&c->stream, &source->sa, 0) : 0;
	if (!err)
		err = uv_tcp_connect(&c->req.connect, &c->stream, &peer->sa, on_connected);
	if (err) {
		nd_tcp_close_now(c);
		return err;
	}
	*out = c;
	return 0;
}

/* Best effort: a connection without them works. */
void nd_tcp_set_liveness(struct nd_tcp *c, unsigned unacked_ms, unsigned idle_s)
{
	int fd;

	if (c->state > ND_TCP_OPEN || uv_fileno((uv_handle_t *)&c->stream, &fd))
		return;
	nd_sock_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)unacked_ms);
	nd_sock_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)idle_s);
	nd_sock_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	nd_sock_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void nd_tcp_start(struct nd_tcp *c, const struct nd_tcp_handler *h)
{
	if (c->state != ND_TCP_OPEN)
		return;
	c->handler = *h;
	set_reading(c, !c->paused);
}

/* Room for n more bytes in the queue, to be added by add(); NULL: *err says why. */
static char *room(struct nd_tcp *c, size_t n, int *err)
{
	*err = c->state > ND_TCP_OPEN ? ND_ECLOSED : ND_ELIMIT;
	if (c->state > ND_TCP_OPEN || n > c->queue.max || nd_tcp_queued(c) > c->queue.max - n)
		return NULL;
	char *to = nd_buf_room(&c->queue, n);
	if (!to)
		c->queue.err = 0; /* out of memory; a later write may succeed */
	return to;
}

static void add(struct nd_tcp *c, size_t n)
{
	c->queue.len += n;
	/* Otherwise it is flushed when the current write ends, or when the connection opens. */
	if (n && c->state == ND_TCP_OPEN && !c->writing)
		nd_loop_at_turn_end(c->loop, &c->flush);
}

int nd_tcp_write(struct nd_tcp *c, const void *bytes, size_t n)
{
	int err;
	char *to = room(c, n, &err);

	if (!to)
		return err;
	if (n)
		memcpy(to, bytes, n);
	add(c, n);
	return 0;
}

int nd_tcp_write_frame(struct nd_tcp *c, const void *bytes, uint16_t n)
{
	int err;
	char *to = room(c, 2 + (size_t)n, &err);

	if (!to)
		return err;
	to[0] = (char)(n >> 8);
	to[1] = (char)n;
	memcpy(to + 2, bytes, n);
	add(c, 2 + (size_t)n);
	return 0;
}

size_t nd_tcp_queued(const struct nd_tcp *c)
{
	return c->queue.len + uv_stream_get_write_queue_size((const uv_stream_t *)&c->stream);
}

size_t nd_tcp_flush(struct nd_tcp *c)
{
	uv_buf_t bytes = uv_buf_init(c->queue.data, (unsigned)c->queue.len);

	if (c->state == ND_TCP_OPEN && !c->writing && c->queue.len) {
		int n = uv_try_write((uv_stream_t *)&c->stream, &bytes, 1);
		if (n > 0)
			nd_buf_drop(&c->queue, (size_t)n);
	}
	return nd_tcp_queued(c);
}

void nd_tcp_set_max_queued(struct nd_tcp *c, size_t bytes)
{
	c->queue.max = c->in_flight.max = bytes;
}
void nd_tcp_pause(struct nd_tcp *c, bool paused)
{
	c->paused = paused;
	if (c->state == ND_TCP_OPEN)
		set_reading(c, !paused);
}

void nd_tcp_close(struct nd_tcp *c)
{
	if (!c || c->state == ND_TCP_CLOSED)
		return;
	enum nd_tcp_state was = c->state;
	c->handler = (struct nd_tcp_handler){ 0 };
	if (was == ND_TCP_OPEN)
		begin_linger(c);
	else if (was == ND_TCP_CONNECTING)
		nd_tcp_close_now(c);
}

void nd_tcp_finish(struct nd_tcp *c)
{
	if (c->state != ND_TCP_OPEN)
		return;
	c->handler.on_data = NULL;
	c->handler.on_drain = NULL;
	c->handler.on_blocked = NULL;
	c->handler.on_end = NULL;
	begin_linger(c);
}

void nd_tcp_abort(struct nd_tcp *c)
{
	if (!c || c->state == ND_TCP_CLOSED)
		return;
	c->handler = (struct nd_tcp_handler){ 0 };
	nd_tcp_close_now(c);
}

struct nd_addr nd_tcp_peer(const struct nd_tcp *c)
{
	return c->peer;
}

struct nd_addr nd_tcp_local(const struct nd_tcp *c)
{
	int fd;

	if (uv_fileno((const uv_handle_t *)&c->stream, &fd))
		return (struct nd_addr){ .len = 0 };
	return nd_sock_local(fd);
}
