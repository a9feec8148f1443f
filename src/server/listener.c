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
				    .backlog = ND_LISTENER_BACKLOG };
	int fd = take(l, ND_FD_TCP, addr);
	int err;

	if (fd >= 0) {
		err = nd_tcp_adopt_listener(loop, fd, nd_stream_accept, l, out);
		if (err)
			forget(l, fd);
		return err;
	}
	err = nd_tcp_listen(loop, addr, &o, nd_stream_accept, l, out);
	return err ? err : put(l, ND_FD_TCP, addr, nd_tcp_listener_fd(*out));
}

static int open_both(struct nd_listener *l, const struct nd_addr *addr,
		     const struct nd_udp_handler *h, size_t i)
{
	int err = open_udp(l, addr, h, &l->udp[i]);
	return err ? err : open_tcp(l, addr, &l->tcp[i]);
}

/* A wildcard has two sockets, IPv6 and IPv4; without IPv6 on the machine, only the second. */
int nd_listener_open(struct nd_listener *l,
		     void (*on_batch)(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n))
{
	static const uint8_t any4[4];
	struct nd_udp_handler h = { .ctx = l, .on_batch = on_batch };
	int err = open_both(l, &l->addr, &h, 0);

	if (l->wildcard && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)) {
		nd_listener_close(l);
		err = 0;
	}
	if (!err && l->wildcard) {
		struct nd_addr four = nd_addr_from(AF_INET, any4, nd_addr_port(&l->addr));
		err = open_both(l, &four, &h, 1);
	}
	if (err)
		nd_listener_close(l);
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
	nd_listener_close_tcp(l);
	for (size_t i = 0; i < 2; i++) {
		if (!l->udp[i])
			continue;
		forget(l, nd_udp_fd(l->udp[i]));
		nd_udp_close(l->udp[i]);
		l->udp[i] = NULL;
	}
}

void nd_listener_stats(const struct nd_listener *l, struct nd_process_stats *sum)
{
	for (size_t i = 0; i < 2; i++) {
		if (!l->udp[i])
			continue;
		struct nd_udp_stats s = nd_udp_stats(l->udp[i]);
		sum->udp_overflowed += s.overflowed;
		sum->udp_unsent += s.unsent;
		if (!sum->udp_buffer_bytes || s.buffer_bytes < sum->udp_buffer_bytes)
			sum->udp_buffer_bytes = s.buffer_bytes;
	}
}
