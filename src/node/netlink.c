/* SPDX-License-Identifier: Apache-2.0 */
#include "node/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include "base/err.h"

int nd_netlink_open(struct nd_netlink *n, int bus, int fd)
{
	n->seq = 0;
	return nd_nlsock_open(&n->sock, bus, fd);
}

void nd_netlink_close(struct nd_netlink *n)
{
	nd_nlsock_close(&n->sock);
}

/* The messages of a datagram. */
struct walk {
	const char *at;
	size_t left;
};

/* The next message, or NULL at the end. A length that is not within the datagram sets *err. */
static const struct nlmsghdr *next_message(struct walk *w, int *err)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)w->at;

	if (w->left < sizeof *h)
		return NULL;
	if (h->nlmsg_len < sizeof *h || h->nlmsg_len > w->left) {
		*err = -EBADMSG;
		return NULL;
	}
	size_t whole = NLMSG_ALIGN((size_t)h->nlmsg_len);
	if (whole > w->left)
		whole = w->left;
	w->at += whole;
	w->left -= whole;
	return h;
}

/* The error in an acknowledgement, always negative; 0: none. */
static int read_ack(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = nd_nlmsg_fixed(h, NLMSG_ERROR, sizeof *e);

	if (!e)
		return -EBADMSG;
	if (!e->error)
		return 0;
	return e->error < 0 && e->error > -4096 ? e->error : -EPROTO;
}

static int send_all(struct nd_netlink *n, const void *bytes, size_t len)
{
	char stale[256];
	ssize_t got;

	do { /* drops responses that a predecessor on this socket did not read */
		got = nd_nlsock_receive(&n->sock, stale, sizeof stale, false);
	} while (got > 0 || got == -EMSGSIZE);
	return nd_nlsock_send(&n->sock, bytes, len);
}

/* One message of a response; sets *more to false if it is the last one. */
static int accept_message(const struct nlmsghdr *h, bool *more, nd_netlink_on *on, void *ctx)
{
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	switch (h->nlmsg_type) {
	case NLMSG_ERROR: *more = false; return read_ack(h);
	case NLMSG_DONE: *more = false; return 0;
	default: break;
	}
	return h->nlmsg_type >= NLMSG_MIN_TYPE && on ? on(h, ctx) : 0;
}

int nd_netlink_request(struct nd_netlink *n, struct nd_nlmsg *m, nd_netlink_on *on, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[ND_NETLINK_BUFFER];
	struct nlmsghdr *h = nd_nlmsg_header(m);
	bool more = true;

	if (!h)
		return m->err;
	const uint32_t seq = h->nlmsg_seq = ++n->seq; /* `on` may number messages of a batch */
	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	int err = send_all(n, h, h->nlmsg_len);
	while (!err && more) {
		ssize_t got = nd_nlsock_receive(&n->sock, buf, sizeof buf, true);
		if (got < 0)
			return got == -EAGAIN ? -ETIMEDOUT : (int)got;
		struct walk w = { buf, (size_t)got };
		while (!err && more && (h = (struct nlmsghdr *)next_message(&w, &err)))
			err = h->nlmsg_seq == seq && h->nlmsg_pid == n->sock.port
				      ? accept_message(h, &more, on, ctx)
				      : -EPROTO;
	}
	return err;
}

/* Returns the first error in one datagram; sets *answered if it has any acknowledgement. */
static int read_errors(const void *bytes, size_t len, uint32_t *at, bool *answered)
{
	struct walk w = { bytes, len };
	const struct nlmsghdr *h;
	int err = 0;

	while ((h = next_message(&w, &err))) {
		if (h->nlmsg_type != NLMSG_ERROR)
			continue;
		*answered = true;
		*at = h->nlmsg_seq;
		if ((err = read_ack(h)))
			break;
	}
	return err;
}

int nd_netlink_send_batch(struct nd_netlink *n, const void *bytes, size_t len, uint32_t *at)
{
	_Alignas(struct nlmsghdr) char buf[ND_NETLINK_BUFFER];
	bool answered = false;

	int err = send_all(n, bytes, len);
	while (!err) {
		ssize_t got = nd_nlsock_receive(&n->sock, buf, sizeof buf, false);
		if (got == -EAGAIN)
			return answered ? 0 : -EPROTO;
		if (got < 0)
			return (int)got;
		err = read_errors(buf, (size_t)got, at, &answered);
	}
	return err;
}
