/* SPDX-License-Identifier: Apache-2.0 */
#include "node/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int nd_netlink_open(struct nd_netlink *n, int bus, int fd)
{
	struct timeval timeout = { .tv_sec = 5 };
	int err, size = 2 << 20;

	*n = (struct nd_netlink){ .sock = NULL };
	n->sock = fd >= 0 ? mnl_socket_fdopen(fd) : mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!n->sock) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	/* An inherited socket keeps its port. */
	if (!mnl_socket_get_portid(n->sock) && mnl_socket_bind(n->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		goto fail;
	if (setsockopt(mnl_socket_get_fd(n->sock), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof timeout) < 0)
		goto fail;
	/* A batch is one datagram, which must fit into the send buffer. */
	setsockopt(mnl_socket_get_fd(n->sock), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(mnl_socket_get_fd(n->sock), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	return 0;

fail:
	err = -errno;
	nd_netlink_close(n);
	return err;
}

void nd_netlink_close(struct nd_netlink *n)
{
	if (n->sock)
		mnl_socket_close(n->sock);
	n->sock = NULL;
}

uint32_t nd_netlink_port(const struct nd_netlink *n)
{
	return mnl_socket_get_portid(n->sock);
}

const void *nd_netlink_payload(const struct nlmsghdr *h, uint16_t type, size_t n)
{
	if (h->nlmsg_type == type && mnl_nlmsg_get_payload_len(h) >= n)
		return mnl_nlmsg_get_payload(h);
	errno = EBADMSG;
	return NULL;
}

uint32_t nd_netlink_u32(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) < 0 ? 0 : mnl_attr_get_u32(attr);
}

/* Each message is within the datagram. libmnl accepts lengths above INT_MAX. */
static bool is_sound(const char *bytes, size_t left)
{
	while (left >= sizeof(struct nlmsghdr)) {
		size_t n = ((const struct nlmsghdr *)bytes)->nlmsg_len;
		if (n < sizeof(struct nlmsghdr) || n > left)
			return false;
		n = MNL_ALIGN(n) < left ? MNL_ALIGN(n) : left;
		bytes += n;
		left -= n;
	}
	return true;
}

/* An error as a response has it, as ours: always negative. */
static int to_error(int number)
{
	return number < 0 && number > -4096 ? number : -EPROTO;
}

static int send_all(struct nd_netlink *n, const void *bytes, size_t len)
{
	char stale[256];

	/* Drops responses that a predecessor on this socket did not read. */
	while (recv(mnl_socket_get_fd(n->sock), stale, sizeof stale, MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
	return mnl_socket_sendto(n->sock, bytes, len) < 0 ? -errno : 0;
}

int nd_netlink_request(struct nd_netlink *n, struct nlmsghdr *h, mnl_cb_t on, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[ND_NETLINK_BUFFER];
	int more;

	h->nlmsg_seq = ++n->seq;
	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	int err = send_all(n, h, h->nlmsg_len);
	if (err)
		return err;
	do {
		ssize_t got = mnl_socket_recvfrom(n->sock, buf, sizeof buf);
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!is_sound(buf, (size_t)got))
			return -EBADMSG;
		more = mnl_cb_run(buf, (size_t)got, h->nlmsg_seq, nd_netlink_port(n), on, ctx);
	} while (more > 0);
	return more < 0 ? to_error(-(errno & 0xffff)) : 0;
}

/* Returns the first error in one datagram; sets *answered if it has any acknowledgement. */
static int read_errors(const char *buf, int len, uint32_t *at, bool *answered)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

	for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
		if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof *e)
			continue;
		*answered = true;
		if (e->error) {
			*at = h->nlmsg_seq;
			return to_error(e->error);
		}
	}
	return 0;
}

int nd_netlink_send_batch(struct nd_netlink *n, const void *bytes, size_t len, uint32_t *at)
{
	_Alignas(struct nlmsghdr) char buf[ND_NETLINK_BUFFER];
	bool answered = false;

	int err = send_all(n, bytes, len);
	while (!err) {
		ssize_t got = recv(mnl_socket_get_fd(n->sock), buf, sizeof buf, MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN)
			return answered ? 0 : -EPROTO;
		if (got < 0)
			return -errno;
		if (!is_sound(buf, (size_t)got))
			return -EBADMSG;
		err = read_errors(buf, (int)got, at, &answered);
	}
	return err;
}
