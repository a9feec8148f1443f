/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers belong to the loop and are shared by its sockets of the same shape: a batch is handled
 * before the next one is read. A pool of upstream sockets therefore costs only descriptors, and the
 * buffers stay in the CPU's cache. This path never allocates. */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/icmp.h"
#include "io/sock.h"
#include "io/udp_parts.h"
#include "io/uv.h"

enum {
	TURN_BATCHES = 16,    /* read from one socket before others and timers run */
	AGAIN_AT = 4,         /* after a batch this large, read again: more have arrived */
	TURN_ERRORS = 64,     /* ICMP errors likewise */
	SEND_PATIENCE_MS = 4, /* wait for a full send buffer */
	SEND_ERRORS = 8,      /* of earlier datagrams, before one counts as unsent */
	DEFAULT_DATAGRAM = 512,
};

union control {
	char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr align;
};

/* Arguments and buffers of one recvmmsg, for sockets of one shape. */
struct batch {
	struct batch *next;
	size_t datagram_bytes;
	bool pktinfo, connected;
	struct mmsghdr in[ND_UDP_BATCH];
	struct nd_datagram datagrams[ND_UDP_BATCH];
	struct iovec iov[ND_UDP_BATCH];
	struct nd_addr peers[ND_UDP_BATCH];
	union control control[ND_UDP_BATCH];
	uint8_t bytes[];
};

/* Arguments of one sendmmsg. */
struct outgoing {
	struct mmsghdr out[ND_UDP_BATCH];
	struct iovec iov[ND_UDP_BATCH];
	union control control[ND_UDP_BATCH];
};

struct nd_udp_shared {
	struct nd_hook loop_end;
	struct batch *batches; /* one per shape in use */
	struct outgoing outgoing;
};

struct nd_udp {
	struct nd_direct direct; /* watched by poll(2); otherwise by libuv (poll) */
	struct nd_uv_owner owner;
	uv_poll_t poll;
	bool is_direct;
	struct nd_loop *loop;
	struct nd_udp_handler handler;
	struct batch *batch;          /* the loop's */
	struct nd_udp_shared *shared; /* the loop's */
	int fd;                       /* -1: closed */
	struct nd_addr local;
	bool pktinfo, connected, paused;
	uint64_t unsent;
	uint32_t buffer_bytes;
};

/* Resets the first n slots; the kernel wrote to no others. */
static void reset(struct batch *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct msghdr *h = &b->in[i].msg_hdr;
		h->msg_namelen = b->connected ? 0 : sizeof b->peers[i].in6;
		h->msg_controllen = b->pktinfo ? sizeof b->control[i] : 0;
	}
}

static struct batch *new_batch(size_t datagram_bytes, bool pktinfo, bool connected)
{
	struct batch *b = calloc(1, sizeof *b + ND_UDP_BATCH * datagram_bytes);

	if (!b)
		return NULL;
	b->datagram_bytes = datagram_bytes;
	b->pktinfo = pktinfo;
	b->connected = connected;
	for (size_t i = 0; i < ND_UDP_BATCH; i++) {
		b->datagrams[i].bytes = b->bytes + i * datagram_bytes;
		b->datagrams[i].peer = connected ? NULL : &b->peers[i];
		b->iov[i] = (struct iovec){ b->datagrams[i].bytes, datagram_bytes };
		b->in[i].msg_hdr = (struct msghdr){
			.msg_name = connected ? NULL : &b->peers[i].sa,
			.msg_iov = &b->iov[i],
			.msg_iovlen = 1,
			.msg_control = pktinfo ? &b->control[i] : NULL,
		};
	}
	reset(b, ND_UDP_BATCH);
	return b;
}

static void free_shared(struct nd_hook *h)
{
	struct nd_udp_shared *shared = ND_CONTAINER(h, struct nd_udp_shared, loop_end);

	while (shared->batches) {
		struct batch *b = shared->batches;
		shared->batches = b->next;
		free(b);
	}
	free(shared);
}

static bool make_shared(struct nd_loop *loop)
{
	if (loop->udp)
		return true;
	loop->udp = calloc(1, sizeof *loop->udp);
	if (!loop->udp)
		return false;
	loop->udp->loop_end.fn = free_shared;
	nd_loop_at_loop_end(loop, &loop->udp->loop_end);
	return true;
}

/* The loop's batch of this shape, made if there is none; NULL without memory. */
static struct batch *get_batch(struct nd_loop *loop, size_t datagram_bytes, bool pktinfo,
			       bool connected)
{
	if (!make_shared(loop))
		return NULL;
	for (struct batch *b = loop->udp->batches; b; b = b->next) {
		if (b->datagram_bytes == datagram_bytes && b->pktinfo == pktinfo &&
		    b->connected == connected)
			return b;
	}
	struct batch *b = new_batch(datagram_bytes, pktinfo, connected);
	if (b) {
		b->next = loop->udp->batches;
		loop->udp->batches = b;
	}
	return b;
}

/* The datagram's destination. ipi_spec_dst, not ipi_addr: for a broadcast it is the address that an
 * answer can be sent from. */
static void parse_control(struct msghdr *h, uint16_t port, struct nd_datagram *d)
{
	d->local.len = 0;
	d->ifindex = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			d->local = nd_addr_from(AF_INET, &info.ipi_spec_dst, port);
			d->ifindex = (uint32_t)info.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			d->local = nd_addr_from(AF_INET6, &info.ipi6_addr, port);
			d->ifindex = info.ipi6_ifindex;
		}
	}
}

/* Reads and delivers one batch; returns its size, 0 if there was none. */
static size_t receive(struct nd_udp *u)
{
	struct batch *b = u->batch;
	int n;

	do
		n = recvmmsg(u->fd, b->in, ND_UDP_BATCH, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		/* An error of an earlier datagram: it is in the queue of ICMP errors too, and what
		 * was received is still to be read. */
		return n < 0 && nd_icmp_is_left_over(errno) ? AGAIN_AT : 0;
	}

	uint16_t port = u->pktinfo ? nd_addr_port(&u->local) : 0;
	for (int i = 0; i < n; i++) {
		struct msghdr *h = &b->in[i].msg_hdr;
		struct nd_datagram *d = &b->datagrams[i];
		d->len = b->in[i].msg_len;
		d->cut = (h->msg_flags & MSG_TRUNC) != 0;
		b->peers[i].len = h->msg_namelen;
		if (b->pktinfo)
			parse_control(h, port, d);
	}
	reset(b, (size_t)n);
	u->handler.on_batch(u->handler.ctx, u, b->datagrams, (size_t)n);
	return (size_t)n;
}

static void receive_all(struct nd_udp *u)
{
	for (int i = 0; i < TURN_BATCHES && u->fd >= 0 && !u->paused; i++) {
		if (receive(u) < AGAIN_AT)
			break;
		nd_loop_update(u->loop);
	}
}

static void report_errors(struct nd_udp *u)
{
	struct nd_icmp e;

	for (int i = 0; i < TURN_ERRORS && u->fd >= 0 && nd_icmp_read(u->fd, &e); i++)
		if (e.hard && u->handler.on_error)
			u->handler.on_error(u->handler.ctx, u, e.err, e.quoted, e.n);
}

static void on_readable(struct nd_direct *d)
{
	receive_all(ND_CONTAINER(d, struct nd_udp, direct));
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct nd_udp *u = ND_CONTAINER(poll, struct nd_udp, poll);
	(void)events;

	receive_all(u);
	if (status < 0)
		report_errors(u);
	/* libuv stops polling a socket with an error. */
	if (status < 0 && u->fd >= 0) {
		nd_loop_touch(u->loop);
		uv_poll_start(&u->poll, UV_READABLE, on_ready);
	}
}

static void free_udp(uv_handle_t *h)
{
	free(ND_CONTAINER(h, struct nd_udp, poll));
}

static void destroy_direct(struct nd_direct *d)
{
	nd_udp_close(ND_CONTAINER(d, struct nd_udp, direct));
}

static void destroy(struct nd_uv_owner *owner)
{
	nd_udp_close(ND_CONTAINER(owner, struct nd_udp, owner));
}

/* Sets the receive buffer; the kernel doubles the value to allow for its overhead. */
static uint32_t set_buffer(int fd, uint32_t wanted)
{
	int granted = 0, ask = wanted > INT32_MAX / 2 ? INT32_MAX / 2 : (int)wanted;
	socklen_t len = sizeof granted;

	if (ask && nd_sock_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, ask) != 0)
		nd_sock_set(fd, SOL_SOCKET, SO_RCVBUF, ask);
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &len);
	return (uint32_t)(ask ? granted / 2 : granted);
}

static int set_pktinfo(int fd, int family)
{
	return family == AF_INET6 ? nd_sock_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
				  : nd_sock_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

/* poll(2) for bound sockets, which are few and busy; libuv for connected ones, which are many. */
static int watch(struct nd_udp *u)
{
	u->is_direct = !u->connected && nd_loop_watch(u->loop, &u->direct, u->fd);
	if (u->is_direct)
		return 0;
	int err = uv_poll_init(&u->loop->uv, &u->poll, u->fd);
	if (err)
		return err;
	u->poll.data = &u->owner;
	nd_loop_touch(u->loop);
	return uv_poll_start(&u->poll, UV_READABLE, on_ready);
}

/* Takes fd; closes it on failure. */
static int open_on(struct nd_loop *loop, int fd, const struct nd_udp_options *o, bool connected,
		   const struct nd_udp_handler *h, struct nd_udp **out)
{
	struct nd_addr local = nd_sock_local(fd);
	bool pktinfo = o->pktinfo && !connected;
	struct nd_udp *u = malloc(sizeof *u);
	struct batch *b = get_batch(loop, o->datagram_bytes ? o->datagram_bytes : DEFAULT_DATAGRAM,
				    pktinfo, connected);
	int err = u && b ? 0 : -ENOMEM;

	if (!err && pktinfo)
		err = set_pktinfo(fd, local.sa.sa_family);
	if (!err && connected)
		err = nd_icmp_enable(fd, local.sa.sa_family);
	if (err)
		goto fail;
	*u = (struct nd_udp){
		.direct = { .on_readable = on_readable, .destroy = destroy_direct },
		.owner.destroy = destroy,
		.loop = loop,
		.handler = *h,
		.batch = b,
		.shared = loop->udp,
		.fd = fd,
		.local = local,
		.pktinfo = pktinfo,
		.connected = connected,
		.buffer_bytes = set_buffer(fd, o->buffer_bytes),
	};
	err = watch(u);
	if (err)
		goto fail;
	*out = u;
	return 0;

fail:
	free(u);
	close(fd);
	return err;
}

void nd_udp_pause(struct nd_udp *u, bool paused)
{
	u->paused = paused;
}

static struct nd_sock_options sock_options(const struct nd_udp_options *o)
{
	return (struct nd_sock_options){ .reuseport = o->reuseport,
					 .v6only = o->v6only,
					 .freebind = o->freebind };
}

int nd_udp_bind(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_udp_options *o,
		const struct nd_udp_handler *h, struct nd_udp **out)
{
	struct nd_sock_options so = sock_options(o);
	int fd = nd_sock_bind(SOCK_DGRAM, addr, &so);

	return fd < 0 ? fd : open_on(loop, fd, o, false, h, out);
}

int nd_udp_adopt(struct nd_loop *loop, int fd, const struct nd_udp_options *o,
		 const struct nd_udp_handler *h, struct nd_udp **out)
{
	return open_on(loop, fd, o, false, h, out);
}

int nd_udp_connect(struct nd_loop *loop, const struct nd_addr *peer, const struct nd_addr *source,
		   const struct nd_udp_options *o, const struct nd_udp_handler *h,
		   struct nd_udp **out)
{
	struct nd_sock_options so = sock_options(o);
	int fd = source ? nd_sock_bind(SOCK_DGRAM, source, &so)
			: socket(peer->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return source ? fd : -errno;
	if (connect(fd, &peer->sa, peer->len) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return open_on(loop, fd, o, true, h, out);
}

void nd_udp_close(struct nd_udp *u)
{
	if (!u || u->fd < 0)
		return;
	if (u->is_direct) {
		nd_loop_unwatch(u->loop, &u->direct);
	} else {
		nd_loop_touch(u->loop);
		uv_close((uv_handle_t *)&u->poll, free_udp);
	}
	if (u->loop->udp_closing)
		u->loop->udp_closing(u->loop->udp_queue, u);
	close(u->fd);
	u->fd = -1;
}

/* Sets the source address of d. The interface is set only for link-local addresses; otherwise
 * routing decides, and the answer may leave by another interface than the question's. */
static size_t put_control(union control *to, const struct nd_datagram *d)
{
	bool six = d->local.sa.sa_family == AF_INET6;
	struct cmsghdr *c = &to->align;

	if (!six) {
		struct in_pktinfo info = { .ipi_spec_dst = d->local.in.sin_addr };
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(c), &info, sizeof info);
		return sizeof to->v4;
	}
	struct in6_pktinfo info = { .ipi6_addr = d->local.in6.sin6_addr };
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		info.ipi6_ifindex = d->ifindex;
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof info);
	memcpy(CMSG_DATA(c), &info, sizeof info);
	return sizeof to->v6;
}

static void put_outgoing(struct outgoing *o, const struct nd_datagram *d, size_t n)
{
	for (size_t i = 0; i < n; i++, d++) {
		struct msghdr *h = &o->out[i].msg_hdr;
		o->iov[i] = (struct iovec){ d->bytes, d->len };
		h->msg_iov = &o->iov[i];
		h->msg_iovlen = 1;
		h->msg_name = d->peer ? (void *)&d->peer->sa : NULL;
		h->msg_namelen = d->peer ? d->peer->len : 0;
		h->msg_control = d->local.len ? &o->control[i] : NULL;
		h->msg_controllen = d->local.len ? put_control(&o->control[i], d) : 0;
	}
}

/* Waits for room in the send buffer; false on timeout. */
static bool wait_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, SEND_PATIENCE_MS) > 0;
}

/* Sends messages [0, n). An error applies to the first unsent message: it is skipped. */
static size_t send_chunk(struct nd_udp *u, struct mmsghdr *m, size_t n)
{
	size_t at = 0, sent = 0;
	bool waited = false;
	unsigned errors = 0;

	while (at < n) {
		int k = sendmmsg(u->fd, m + at, (unsigned)(n - at), 0);
		if (k > 0) {
			at += (size_t)k;
			sent += (size_t)k;
			waited = false;
			errors = 0;
		} else if (errno == EINTR) {
			continue;
		} else if (errno == EAGAIN) {
			if (waited || !wait_room(u->fd))
				break;
			waited = true;
		} else if (u->connected && nd_icmp_is_left_over(errno) && errors < SEND_ERRORS) {
			errors++; /* of an earlier datagram, perhaps; this one was not sent */
		} else {
			at++;
			errors = 0;
		}
	}
	return sent;
}

size_t nd_udp_send(struct nd_udp *u, const struct nd_datagram *d, size_t n)
{
	struct outgoing *o = &u->shared->outgoing;
	size_t sent = 0;

	if (u->fd < 0)
		return 0;
	for (size_t at = 0; at < n;) {
		size_t chunk = n - at < ND_UDP_BATCH ? n - at : ND_UDP_BATCH;
		put_outgoing(o, d + at, chunk);
		sent += send_chunk(u, o->out, chunk);
		at += chunk;
	}
	u->unsent += n - sent;
	return sent;
}

int nd_udp_write(struct nd_udp *u, const void *bytes, size_t n)
{
	unsigned errors = 0;

	if (u->fd < 0)
		return ND_ECLOSED;
	while (send(u->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (nd_icmp_is_left_over(errno) && ++errors < SEND_ERRORS)
			continue; /* of an earlier datagram, perhaps; this one was not sent */
		u->unsent++;
		return -errno;
	}
	return 0;
}

void nd_udp_report_unsent(struct nd_udp *u, int err, const uint8_t *bytes, size_t n)
{
	u->unsent++;
	if (u->handler.on_unsent)
		u->handler.on_unsent(u->handler.ctx, u, err, bytes, n);
}

bool nd_udp_is_loss(int err)
{
	return err == -EPERM || err == -ENOBUFS || err == -EAGAIN || err == -ENOMEM;
}

struct nd_addr nd_udp_local(const struct nd_udp *u)
{
	return u->local;
}

int nd_udp_fd(const struct nd_udp *u)
{
	return u->fd;
}

struct nd_udp_stats nd_udp_stats(const struct nd_udp *u)
{
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof mem;

	/* The drop count that SO_RXQ_OVFL would add to every datagram. */
	getsockopt(u->fd, SOL_SOCKET, SO_MEMINFO, mem, &len);
	return (struct nd_udp_stats){ .overflowed = mem[SK_MEMINFO_DROPS],
				      .unsent = u->unsent,
				      .buffer_bytes = u->buffer_bytes };
}
