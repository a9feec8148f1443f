/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/err.h"
#include "io/clock.h"

enum { DATAGRAM_MAX = 4096 };

/* Waits until fd is ready or the deadline. fd may be -1: sleeps. */
static int wait_ready(const struct nd_channel *ch, int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p[2] = { { .fd = ch->stop_fd, .events = POLLIN },
			       { .fd = fd, .events = events } };

	for (;;) {
		uint64_t now = nd_clock_now_ns();
		uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
		struct timespec t = { .tv_sec = (time_t)(left / ND_NS_PER_S),
				      .tv_nsec = (long)(left % ND_NS_PER_S) };
		int n = ppoll(p, 2, &t, NULL);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && p[0].revents)
			return -ECANCELED;
		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
	}
}

int nd_channel_sleep(const struct nd_channel *ch, uint64_t until_ns)
{
	int err = wait_ready(ch, -1, 0, until_ns);

	return err == -ETIMEDOUT ? 0 : err;
}

static int open_socket(const struct nd_channel *ch, int family, int type)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	nd_stats_count(&ch->stats->sockets);
	return fd;
}

int nd_channel_open(const struct nd_channel *ch, int family)
{
	int off = 0, fd = open_socket(ch, family, SOCK_DGRAM);

	if (fd >= 0 && family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	return fd;
}

int nd_channel_connect(const struct nd_channel *ch, const struct nd_addr *server)
{
	int fd = open_socket(ch, server->sa.sa_family, SOCK_DGRAM);

	if (fd >= 0 && connect(fd, &server->sa, server->len) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int nd_channel_send(const struct nd_channel *ch, int fd, const struct nd_question *q,
		    const struct nd_addr *to)
{
	ssize_t n = sendto(fd, q->bytes + 2, q->len, MSG_NOSIGNAL, to ? &to->sa : NULL,
			   to ? to->len : 0);

	if (n < 0)
		return -errno;
	nd_stats_count(&ch->stats->queries);
	return 0;
}

static bool find_peer(const struct nd_channel_peers *peers, const struct nd_addr *sender,
		      unsigned *from)
{
	for (unsigned i = 0; i < peers->n; i++) {
		if (nd_addr_equal(&peers->addr[i], sender)) {
			*from = i;
			return true;
		}
	}
	return false;
}

/* The index of the question that this message answers, or -1. */
static int find_question(struct nd_question *q, size_t n, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (!q[i].answered && nd_question_answer(&q[i], bytes, len))
			return (int)i;
	return -1;
}

/* A message that is queued at the deadline is still read, since this thread may wake up late, but
 * none after it: a server that sends faster than it is read does not extend the time. */
static bool is_past(uint64_t deadline_ns)
{
	return nd_clock_now_ns() >= deadline_ns;
}

int nd_channel_wait(const struct nd_channel *ch, int fd, struct nd_question *q, size_t n,
		    uint64_t deadline_ns, const struct nd_channel_peers *peers, unsigned *from)
{
	uint8_t bytes[DATAGRAM_MAX];

	for (;;) {
		struct nd_addr sender = { .len = sizeof sender.in6 };
		int err = wait_ready(ch, fd, POLLIN, deadline_ns);
		if (err)
			return err;
		ssize_t got = recvfrom(fd, bytes, sizeof bytes, 0, &sender.sa, &sender.len);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got < 0)
			return -errno;
		bool ours = !peers || find_peer(peers, &sender, from);
		int i = ours ? find_question(q, n, bytes, (size_t)got) : -1;
		if (i >= 0)
			return i;
		if (is_past(deadline_ns))
			return -ETIMEDOUT;
	}
}

static int tcp_connect(const struct nd_channel *ch, int fd, const struct nd_addr *server,
		       uint64_t deadline_ns)
{
	int err = 0;
	socklen_t len = sizeof err;

	if (connect(fd, &server->sa, server->len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	int ret = wait_ready(ch, fd, POLLOUT, deadline_ns);
	if (ret)
		return ret;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return -err;
}

/* Two questions always fit into a new connection's send buffer. */
static int tcp_send(const struct nd_channel *ch, int fd, const struct nd_question *q, size_t n)
{
	uint8_t bytes[2 * ND_QUESTION_BYTES];
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (q[i].answered)
			continue;
		memcpy(bytes + len, q[i].bytes, q[i].len + 2);
		len += q[i].len + 2;
		nd_stats_count(&ch->stats->queries);
	}
	ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return (size_t)sent == len ? 0 : -ENOBUFS;
}

static int tcp_read(const struct nd_channel *ch, int fd, uint8_t *to, size_t n,
		    uint64_t deadline_ns)
{
	while (n > 0) {
		int err = wait_ready(ch, fd, POLLIN, deadline_ns);
		if (err)
			return err;
		ssize_t got = recv(fd, to, n, 0);
		if (got == 0)
			return -ECONNRESET;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (got > 0) {
			to += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

static int tcp_answers(const struct nd_channel *ch, int fd, struct nd_question *q, size_t n,
		       uint64_t deadline_ns)
{
	uint8_t bytes[65535], length[2];
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		left += !q[i].answered;
	while (left > 0) {
		int err = tcp_read(ch, fd, length, 2, deadline_ns);
		size_t len = (size_t)length[0] << 8 | length[1];
		if (!err)
			err = tcp_read(ch, fd, bytes, len, deadline_ns);
		if (err)
			return err;
		if (find_question(q, n, bytes, len) >= 0)
			left--;
		else if (is_past(deadline_ns))
			return -ETIMEDOUT;
	}
	return 0;
}

int nd_channel_tcp(const struct nd_channel *ch, const struct nd_addr *server, struct nd_question *q,
		   size_t n, uint64_t deadline_ns)
{
	ND_ASSERT(n <= 2);
	int fd = open_socket(ch, server->sa.sa_family, SOCK_STREAM);
	if (fd < 0)
		return fd;
	nd_stats_count(&ch->stats->tcp);
	int err = tcp_connect(ch, fd, server, deadline_ns);
	if (!err)
		err = tcp_send(ch, fd, q, n);
	if (!err)
		err = tcp_answers(ch, fd, q, n, deadline_ns);
	close(fd);
	return err;
}
