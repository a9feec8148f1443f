/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h - questions over sockets, waited for by the thread that asks, as resolvers do it.
 *
 * Owns:    nothing; descriptors are the caller's, who closes them.
 * Errors:  -errno; -ETIMEDOUT when the deadline came, -ECANCELED when the run ended.
 * Threads: any, each with descriptors and questions of its own; a socket may be sent on by two.
 * Not io/: a loop and its batches are what a resolver in an application does not have.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "tools/bench/question.h"
#include "tools/bench/stats.h"

struct nd_channel {
	int stop_fd;            /* readable: the run ends, nothing waits any more */
	struct nd_stats *stats; /* sockets and questions are counted there */
};

/* A UDP socket connected to the server: its descriptor. */
int nd_channel_connect(const struct nd_channel *ch, const struct nd_addr *server);
/* A UDP socket of this family, IPv4-mapped addresses allowed. */
int nd_channel_open(const struct nd_channel *ch, int family);
/* Sends the question; `to` is NULL on a connected socket. 0 or -errno. */
int nd_channel_send(const struct nd_channel *ch, int fd, const struct nd_question *q,
		    const struct nd_addr *to);

/* Senders that an unconnected socket takes responses from. */
struct nd_channel_peers {
	const struct nd_addr *addr;
	unsigned n;
};

/* Waits for the next response to one of q[n] that is not answered yet: its index. What answers
 * none is passed over. peers: NULL on a connected socket; else *from is the index of the sender. */
int nd_channel_wait(const struct nd_channel *ch, int fd, struct nd_question *q, size_t n,
		    uint64_t deadline_ns, const struct nd_channel_peers *peers, unsigned *from);
/* Asks what is unanswered of q[n] over one TCP connection, all at once, and waits for all
 * responses. 0, or an error with some answered perhaps; -ECONNRESET: closed before all came. */
int nd_channel_tcp(const struct nd_channel *ch, const struct nd_addr *server, struct nd_question *q,
		   size_t n, uint64_t deadline_ns);
/* Sleeps until then: 0 or -ECANCELED. */
int nd_channel_sleep(const struct nd_channel *ch, uint64_t until_ns);
