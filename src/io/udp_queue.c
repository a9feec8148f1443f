/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams of connected sockets that wait for the end of the turn: those of one socket in a row
 * leave in one system call. The queue belongs to the loop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "io/icmp.h"
#include "io/udp_parts.h"
#include "io/uv.h"

enum { BYTES = 512, LEFT_OVER_MAX = 8 };

struct nd_udp_queue {
	struct nd_hook turn_end, loop_end;
	bool reporting;
	unsigned n;
	struct nd_udp *socket[ND_UDP_BATCH]; /* NULL: sent, or closed */
	int err[ND_UDP_BATCH];               /* it was tried, and failed: to be reported */
	struct mmsghdr out[ND_UDP_BATCH];
	struct iovec iov[ND_UDP_BATCH];
	uint8_t bytes[ND_UDP_BATCH][BYTES];
};

/* Sends [at, end), all of one socket; sets err of those that the kernel refuses. */
static void send_run(struct nd_udp_queue *q, unsigned at, unsigned end)
{
	int fd = nd_udp_fd(q->socket[at]);
	unsigned left_over = 0;

	while (at < end) {
		int k = sendmmsg(fd, q->out + at, end - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k > 0) {
			for (; k; k--)
				q->socket[at++] = NULL;
			left_over = 0;
		} else if (errno != EINTR &&
			   !(nd_icmp_is_left_over(errno) && ++left_over < LEFT_OVER_MAX)) {
			q->err[at++] = -errno;
			left_over = 0;
		}
	}
}

static bool is_unsent(const struct nd_udp_queue *q, unsigned at)
{
	return q->socket[at] && !q->err[at];
}

static void send_all(struct nd_udp_queue *q)
{
	for (unsigned at = 0, end; at < q->n; at = end) {
		end = at + 1;
		if (!is_unsent(q, at))
			continue;
		while (end < q->n && is_unsent(q, end) && q->socket[end] == q->socket[at])
			end++;
		send_run(q, at, end);
	}
}

/* Keeps those that failed. */
static void make_room(struct nd_udp_queue *q)
{
	unsigned n = 0;

	send_all(q);
	for (unsigned i = 0; i < q->n; i++) {
		if (!q->socket[i])
			continue;
		if (i != n) {
			memcpy(q->bytes[n], q->bytes[i], q->iov[i].iov_len);
			q->iov[n].iov_len = q->iov[i].iov_len;
			q->socket[n] = q->socket[i];
			q->err[n] = q->err[i];
		}
		n++;
	}
	q->n = n;
}

/* A callback may close any socket, and queue datagrams: those are written at once. */
static void on_turn_end(struct nd_hook *h)
{
	struct nd_udp_queue *q = ND_CONTAINER(h, struct nd_udp_queue, turn_end);

	send_all(q);
	q->reporting = true;
	for (unsigned i = 0; i < q->n; i++)
		if (q->socket[i])
			nd_udp_report_unsent(q->socket[i], q->err[i], q->bytes[i],
					     q->iov[i].iov_len);
	q->reporting = false;
	q->n = 0;
}

static void on_loop_end(struct nd_hook *h)
{
	struct nd_udp_queue *q = ND_CONTAINER(h, struct nd_udp_queue, loop_end);

	nd_list_del(&q->turn_end.link);
	free(q);
}

/* Its datagrams are dropped. */
static void drop(struct nd_udp_queue *q, const struct nd_udp *u)
{
	for (unsigned i = 0; i < q->n; i++)
		if (q->socket[i] == u)
			q->socket[i] = NULL;
}

static struct nd_udp_queue *queue_of(struct nd_loop *loop)
{
	struct nd_udp_queue *q = loop->udp_queue;

	if (q)
		return q;
	q = calloc(1, sizeof *q);
	if (!q)
		return NULL;
	q->turn_end.fn = on_turn_end;
	q->loop_end.fn = on_loop_end;
	for (unsigned i = 0; i < ND_UDP_BATCH; i++) {
		q->iov[i].iov_base = q->bytes[i];
		q->out[i].msg_hdr.msg_iov = &q->iov[i];
		q->out[i].msg_hdr.msg_iovlen = 1;
	}
	nd_loop_at_loop_end(loop, &q->loop_end);
	loop->udp_queue = q;
	loop->udp_closing = drop;
	return q;
}

int nd_udp_queue(struct nd_loop *loop, struct nd_udp *u, const void *bytes, size_t n)
{
	struct nd_udp_queue *q = n <= BYTES ? queue_of(loop) : NULL;

	if (q && q->n == ND_UDP_BATCH && !q->reporting)
		make_room(q);
	if (!q || q->reporting || q->n == ND_UDP_BATCH)
		return nd_udp_write(u, bytes, n);
	q->socket[q->n] = u;
	q->err[q->n] = 0;
	q->iov[q->n].iov_len = n;
	memcpy(q->bytes[q->n++], bytes, n);
	nd_loop_at_turn_end(loop, &q->turn_end);
	return 0;
}
