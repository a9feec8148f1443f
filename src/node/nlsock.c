/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nlsock.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { SEND_BYTES = 2 << 20 };

/* Binds it unless it has a port: an inherited one keeps its own. */
static int bind_socket(struct nd_nlsock *s)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK };
	socklen_t n = sizeof at;

	if (getsockname(s->fd, (struct sockaddr *)&at, &n) < 0)
		return -errno;
	if (n != sizeof at || at.nl_family != AF_NETLINK)
		return -EPROTOTYPE;
	if (!at.nl_pid && (bind(s->fd, (const struct sockaddr *)&at, sizeof at) < 0 ||
			   getsockname(s->fd, (struct sockaddr *)&at, &n) < 0))
		return -errno;
	s->port = at.nl_pid;
	return 0;
}

static int prepare(struct nd_nlsock *s)
{
	const struct timeval timeout = { .tv_sec = 5 };
	const int size = SEND_BYTES;
	int err = bind_socket(s);

	if (!err && setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0)
		err = -errno;
	/* A batch is one datagram, which must fit into the send buffer. */
	setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	return err;
}

int nd_nlsock_open(struct nd_nlsock *s, int bus, int fd)
{
	*s = (struct nd_nlsock){ .fd = fd };
	if (fd < 0)
		s->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	int err = s->fd < 0 ? -errno : prepare(s);
	if (err)
		nd_nlsock_close(s);
	return err;
}

void nd_nlsock_close(struct nd_nlsock *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int nd_nlsock_send(const struct nd_nlsock *s, const void *bytes, size_t n)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(s->fd, bytes, n, 0, (const struct sockaddr *)&kernel, sizeof kernel) < 0
		       ? -errno
		       : 0;
}

ssize_t nd_nlsock_receive(const struct nd_nlsock *s, void *to, size_t n, bool wait)
{
	for (;;) {
		struct sockaddr_nl from = { .nl_pid = UINT32_MAX };
		socklen_t len = sizeof from;
		ssize_t got = recvfrom(s->fd, to, n, MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT),
				       (struct sockaddr *)&from, &len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (from.nl_pid != 0)
			continue; /* another process's */
		return (size_t)got > n ? -EMSGSIZE : got;
	}
}
