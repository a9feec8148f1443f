/* SPDX-License-Identifier: Apache-2.0 */
/* The output of a connection: bytes are queued, and written once at the end of the turn. */
#include <string.h>
#include "io/tcp_parts.h"

enum { KEEP_BYTES = 4096 };

static void flush(struct nd_tcp *c);

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
		nd_tcp_fail(c, status);
	else if (c->queue.len)
		flush(c);
	else
		nd_tcp_drained(c);
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
		nd_tcp_fail(c, n);
		return;
	}
	if ((size_t)n == c->queue.len) {
		empty(&c->queue);
		nd_tcp_drained(c);
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
		nd_tcp_fail(c, err);
	} else if (c->state == ND_TCP_OPEN && c->handler.on_blocked) {
		c->handler.on_blocked(c->handler.ctx, c);
	}
}

void nd_tcp_on_turn_end(struct nd_hook *h)
{
	flush(ND_CONTAINER(h, struct nd_tcp, flush));
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
