/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that accept TCP connections. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>
#include "io/sock.h"
#include "io/tcp_parts.h"

#define ACCEPT_RETRY_NS ND_MS(100)

enum {
	BACKLOG = 1024,
	UNSENT_BYTES = 65536,
	TURN_ACCEPTS = 16, /* connections accepted per turn: a crowd does not hold up the others */
};

struct nd_tcp_listener {
	struct nd_uv_owner owner;
	uv_tcp_t stream;
	struct nd_loop *loop;
	void (*on_accept)(void *ctx, struct nd_tcp *c);
	void *ctx;
	struct nd_timer retry; /* armed while a connection waits for memory or the next turn */
	unsigned accepted;     /* since the last pause */
	bool paused, waits;    /* waits: a connection, for the end of the pause */
	struct nd_addr local;
};

static void retry_accept(struct nd_timer *t);

static void accept_one(struct nd_tcp_listener *l)
{
	struct nd_tcp *c = nd_tcp_new(l->loop, ND_TCP_OPEN);
	int len = sizeof c->peer.in6;

	if (!c) {
		nd_timer_start(l->loop, &l->retry, ACCEPT_RETRY_NS, retry_accept);
		return;
	}
	if (uv_accept((uv_stream_t *)&l->stream, (uv_stream_t *)&c->stream)) {
		nd_tcp_close_now(c);
		return;
	}
	uv_tcp_nodelay(&c->stream, 1);
	if (uv_tcp_getpeername(&c->stream, &c->peer.sa, &len) == 0)
		c->peer.len = (socklen_t)len;
	l->on_accept(l->ctx, c);
}

/* libuv listens again when the connection that waits is accepted. */
static void retry_accept(struct nd_timer *t)
{
	struct nd_tcp_listener *l = ND_CONTAINER(t, struct nd_tcp_listener, retry);

	l->accepted = 1;
	accept_one(l);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct nd_tcp_listener *l = stream->data;

	nd_loop_touch(l->loop);
	if (status || uv_is_closing((uv_handle_t *)stream))
		return;
	l->waits = l->paused;
	if (l->paused)
		return;
	if (l->accepted++ < TURN_ACCEPTS)
		accept_one(l);
	else
		nd_timer_start(l->loop, &l->retry, 0, retry_accept);
}

static void free_listener(uv_handle_t *h)
{
	free(h->data);
}

static void destroy_listener(struct nd_uv_owner *owner)
{
	nd_tcp_listener_close((struct nd_tcp_listener *)owner);
}

/* Accepted connections inherit these: the kernel queues little of what a peer does not read; the
 * rest stays in our queue, which is counted. Best effort. */
static void set_buffers(int fd, const struct nd_tcp_options *o)
{
	nd_sock_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
	if (o->receive_bytes)
		nd_sock_set(fd, SOL_SOCKET, SO_RCVBUF, o->receive_bytes);
	if (o->send_bytes)
		nd_sock_set(fd, SOL_SOCKET, SO_SNDBUF, o->send_bytes);
}

/* Takes fd; closes it on failure. */
static int listen_on(struct nd_loop *loop, int fd, const struct nd_tcp_options *o,
		     void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
		     struct nd_tcp_listener **out)
{
	struct nd_tcp_listener *l = calloc(1, sizeof *l);

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	*l = (struct nd_tcp_listener){ .owner.destroy = destroy_listener,
				       .loop = loop,
				       .on_accept = on_accept,
				       .ctx = ctx,
				       .local = nd_sock_local(fd) };
	set_buffers(fd, o);
	nd_loop_touch(loop);
	uv_tcp_init(&loop->uv, &l->stream);
	l->stream.data = l;
	int err = uv_tcp_open(&l->stream, fd);
	if (err)
		close(fd);
	else
		err = uv_listen((uv_stream_t *)&l->stream, o->backlog > 0 ? o->backlog : BACKLOG,
				on_connection);
	if (err) {
		nd_tcp_listener_close(l);
		return err;
	}
	*out = l;
	return 0;
}

int nd_tcp_listen(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_tcp_options *o,
		  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
		  struct nd_tcp_listener **out)
{
	/* SO_REUSEADDR: connections of an earlier run may hold the port in TIME_WAIT. */
	struct nd_sock_options so = { .reuseaddr = true,
				      .reuseport = o->reuseport,
				      .v6only = o->v6only,
				      .freebind = o->freebind };
	int fd = nd_sock_bind(SOCK_STREAM, addr, &so);

	return fd < 0 ? fd : listen_on(loop, fd, o, on_accept, ctx, out);
}

int nd_tcp_adopt_listener(struct nd_loop *loop, int fd, const struct nd_tcp_options *o,
			  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
			  struct nd_tcp_listener **out)
{
	return listen_on(loop, fd, o, on_accept, ctx, out);
}

void nd_tcp_listener_pause(struct nd_tcp_listener *l, bool paused)
{
	l->paused = paused;
	if (paused || !l->waits)
		return;
	l->waits = false;
	nd_timer_start(l->loop, &l->retry, 0, retry_accept);
}

void nd_tcp_listener_close(struct nd_tcp_listener *l)
{
	if (!l || uv_is_closing((uv_handle_t *)&l->stream))
		return;
	nd_timer_stop(&l->retry);
	nd_loop_touch(l->loop);
	uv_close((uv_handle_t *)&l->stream, free_listener);
}

struct nd_addr nd_tcp_listener_local(const struct nd_tcp_listener *l)
{
	return l->local;
}

int nd_tcp_listener_fd(const struct nd_tcp_listener *l)
{
	int fd;

	return uv_fileno((const uv_handle_t *)&l->stream, &fd) ? -1 : fd;
}
