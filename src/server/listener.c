/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listener.h"

#include <errno.h>
#include "io/fdset.h"
#include "server/stream.h"

static struct nd_fdset *set_of(const struct nd_listener *l)
{
	return l->worker->fds;
}

static int take(const struct nd_listener *l, enum nd_fd_kind kind, const struct nd_addr *addr)
{
	return set_of(l) ? nd_fdset_take(set_of(l), kind, addr, l->worker->core.id) : -1;
}

static int put(const struct nd_listener *l, enum nd_fd_kind kind, const struct nd_addr *addr,
	       int fd)
{
	return set_of(l) ? nd_fdset_put(set_of(l), kind, addr, l->worker->core.id, fd) : 0;
}

static void forget(const struct nd_listener *l, int fd)
{
	if (set_of(l))
		nd_fdset_forget(set_of(l), fd);
}

/* On failure the caller closes what is open. */
static int open_udp(struct nd_listener *l, const struct nd_addr *addr,
		    const struct nd_udp_handler *h, struct nd_udp **out)
{
	struct nd_loop *loop = l->worker->core.loop;
	struct nd_udp_options o = { .reuseport = true,
				    .pktinfo = l->wildcard,
				    .v6only = true,
				    .buffer_bytes = ND_LISTENER_BUFFER_BYTES,
				    .datagram_bytes = ND_LISTENER_REQUEST_MAX };
	int fd = take(l, ND_FD_UDP, addr);
	int err;

	if (fd >= 0) {
		err = nd_udp_adopt(loop, fd, &o, h, out);
		if (err)
			forget(l, fd);
		return err;
	}
	err = nd_udp_bind(loop, addr, &o, h, out);
	return err ? err : put(l, ND_FD_UDP, addr, nd_udp_fd(*out));
}

static int open_tcp(struct nd_listener *l, const struct nd_addr *addr, struct nd_tcp_listener **out)
{
	struct nd_loop *loop = l->worker->core.loop;
	struct nd_tcp_options o = { .reuseport = true,
				    .v6only = true,
				    .backlog = ND_LISTENER_BACKLOG,
				    .receive_bytes = ND_LISTENER_TCP_RECEIVE,
				    .send_bytes = ND_LISTENER_TCP_SEND };
	int fd = take(l, ND_FD_TCP, addr);
	int err;

	if (fd >= 0) {
		err = nd_tcp_adopt_listener(loop, fd, &o, nd_stream_accept, l, out);
		if (err)
			forget(l, fd);
		return err;
	}
	err = nd_tcp_listen(loop, addr, &o, nd_stream_accept, l, out);
	return err ? err : put(l, ND_FD_TCP, addr, nd_tcp_listener_fd(*out));
}

/* The address of socket i: a wildcard has two, IPv6 and IPv4. */
static struct nd_addr address(const struct nd_listener *l, size_t i)
{
	static const uint8_t any4[4];

	return i ? nd_addr_from(AF_INET, any4, nd_addr_port(&l->addr)) : l->addr;
}

/* A query that came by this socket has ended. */
static void on_release(struct nd_origin *o)
{
	const struct nd_listener *l = ND_CONTAINER(o, struct nd_listener_udp, origin)->listener;

	if (l->retired)
		l->worker->sweep = true; /* its answer is queued: the socket closes after that */
}

static int open_both(struct nd_listener *l, size_t i,
		     void (*on_batch)(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n))
{
	struct nd_addr addr = address(l, i);
	struct nd_udp_handler h = { .ctx = &l->udp[i], .on_batch = on_batch };
	int err = open_udp(l, &addr, &h, &l->udp[i].udp);

	return err ? err : open_tcp(l, &addr, &l->tcp[i]);
}

/* Without IPv6 on the machine, a wildcard has its second socket only. */
int nd_listener_open(struct nd_listener *l,
		     void (*on_batch)(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n))
{
	for (size_t i = 0; i < 2; i++) {
		nd_origin_init(&l->udp[i].origin, on_release);
		l->udp[i].listener = l;
	}
	int err = open_both(l, 0, on_batch);
	if (l->wildcard && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)) {
		nd_listener_close(l);
		err = 0;
	}
	if (!err && l->wildcard)
		err = open_both(l, 1, on_batch);
	if (err)
		nd_listener_close(l);
	return err;
}

int nd_listener_open_tcp(struct nd_listener *l)
{
	int err = 0;

	for (size_t i = 0; i < 2 && !err; i++) {
		struct nd_addr addr = address(l, i);
		if (l->udp[i].udp && !l->tcp[i])
			err = open_tcp(l, &addr, &l->tcp[i]);
	}
	if (err)
		nd_listener_close_tcp(l);
	return err;
}

void nd_listener_close_tcp(struct nd_listener *l)
{
	for (size_t i = 0; i < 2; i++) {
		if (!l->tcp[i])
			continue;
		forget(l, nd_tcp_listener_fd(l->tcp[i]));
		nd_tcp_listener_close(l->tcp[i]);
		l->tcp[i] = NULL;
	}
}

void nd_listener_close(struct nd_listener *l)
{
	ND_ASSERT(!nd_listener_used(l));
	nd_listener_close_tcp(l);
	for (size_t i = 0; i < 2; i++) {
		if (!l->udp[i].udp)
			continue;
		forget(l, nd_udp_fd(l->udp[i].udp));
		nd_udp_close(l->udp[i].udp);
		l->udp[i].udp = NULL;
	}
}

void nd_listener_stats(const struct nd_listener *l, struct nd_process_stats *sum)
{
	for (size_t i = 0; i < 2; i++) {
		if (!l->udp[i].udp)
			continue;
		struct nd_udp_stats s = nd_udp_stats(l->udp[i].udp);
		sum->udp_overflowed += s.overflowed;
		sum->udp_unsent += s.unsent;
		if (!sum->udp_buffer_bytes || s.buffer_bytes < sum->udp_buffer_bytes)
			sum->udp_buffer_bytes = s.buffer_bytes;
	}
}
