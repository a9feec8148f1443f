/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listener.h"

#include "io/fdset.h"
#include "server/stream.h"

static struct nd_fdset *set_of(const struct nd_listener *l)
{
	return l->worker->fds;
}

static int take(const struct nd_listener *l, enum nd_fd_kind kind)
{
	return set_of(l) ? nd_fdset_take(set_of(l), kind, &l->addr, l->worker->core.id) : -1;
}

static int put(const struct nd_listener *l, enum nd_fd_kind kind, int fd)
{
	return set_of(l) ? nd_fdset_put(set_of(l), kind, &l->addr, l->worker->core.id, fd) : 0;
}

static void forget(const struct nd_listener *l, int fd)
{
	if (set_of(l))
		nd_fdset_forget(set_of(l), fd);
}

/* On failure the caller closes what is open. */
static int open_udp(struct nd_listener *l, const struct nd_udp_handler *h)
{
	struct nd_loop *loop = l->worker->core.loop;
	struct nd_udp_options o = { .reuseport = true,
				    .pktinfo = nd_addr_is_any(&l->addr),
				    .v6only = true,
				    .buffer_bytes = ND_LISTENER_BUFFER_BYTES,
				    .datagram_bytes = ND_LISTENER_REQUEST_MAX };
	int fd = take(l, ND_FD_UDP);
	int err;

	if (fd >= 0) {
		err = nd_udp_adopt(loop, fd, &o, h, &l->udp);
		if (err)
			forget(l, fd);
		return err;
	}
	err = nd_udp_bind(loop, &l->addr, &o, h, &l->udp);
	return err ? err : put(l, ND_FD_UDP, nd_udp_fd(l->udp));
}

static int open_tcp(struct nd_listener *l)
{
	struct nd_loop *loop = l->worker->core.loop;
	struct nd_tcp_options o = { .reuseport = true,
				    .v6only = true,
				    .backlog = ND_LISTENER_BACKLOG,
				    .receive_bytes = ND_LISTENER_TCP_RECEIVE,
				    .send_bytes = ND_LISTENER_TCP_SEND };
	int fd = take(l, ND_FD_TCP);
	int err;

	if (fd >= 0) {
		err = nd_tcp_adopt_listener(loop, fd, &o, nd_stream_accept, l, &l->tcp);
		if (err)
			forget(l, fd);
		return err;
	}
	err = nd_tcp_listen(loop, &l->addr, &o, nd_stream_accept, l, &l->tcp);
	return err ? err : put(l, ND_FD_TCP, nd_tcp_listener_fd(l->tcp));
}

/* A query that came by this socket has ended. */
static void on_release(struct nd_origin *o)
{
	const struct nd_listener *l = ND_CONTAINER(o, struct nd_listener, origin);

	if (l->retired)
		l->worker->sweep = true; /* its answer is queued: the socket closes after that */
}

int nd_listener_open(struct nd_listener *l,
		     void (*on_batch)(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n))
{
	struct nd_udp_handler h = { .ctx = l, .on_batch = on_batch };

	nd_origin_init(&l->origin, on_release);
	int err = open_udp(l, &h);
	if (!err)
		err = nd_listener_open_tcp(l);
	if (err)
		nd_listener_close(l);
	return err;
}

int nd_listener_open_tcp(struct nd_listener *l)
{
	return l->tcp ? 0 : open_tcp(l);
}

void nd_listener_pause(struct nd_listener *l, bool paused)
{
	nd_udp_pause(l->udp, paused);
	if (l->tcp)
		nd_tcp_listener_pause(l->tcp, paused);
}

void nd_listener_close_tcp(struct nd_listener *l)
{
	if (!l->tcp)
		return;
	forget(l, nd_tcp_listener_fd(l->tcp));
	nd_tcp_listener_close(l->tcp);
	l->tcp = NULL;
}

void nd_listener_close(struct nd_listener *l)
{
	ND_ASSERT(!nd_listener_used(l));
	nd_listener_close_tcp(l);
	if (!l->udp)
		return;
	forget(l, nd_udp_fd(l->udp));
	nd_udp_close(l->udp);
	l->udp = NULL;
}

void nd_listener_stats(const struct nd_listener *l, struct nd_process_stats *sum)
{
	if (!l->udp)
		return;
	struct nd_udp_stats s = nd_udp_stats(l->udp);
	sum->udp_overflowed += s.overflowed;
	sum->udp_unsent += s.unsent;
	if (!sum->udp_buffer_bytes || s.buffer_bytes < sum->udp_buffer_bytes)
		sum->udp_buffer_bytes = s.buffer_bytes;
}
