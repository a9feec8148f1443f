/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h - blocking DNS queries over UDP and TCP, as a resolver in an application makes them.
 *
 * Owns:    nothing; the caller closes descriptors.
 * Errors:  -errno; -ETIMEDOUT at the deadline, -ECANCELED when the run ends.
 * Threads: any, each with its own descriptors and questions; two may send on one socket.
 * Does not use io/: such a resolver has neither a loop nor batches.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "tools/bench/question.h"
#include "tools/bench/stats.h"

struct nd_channel {
	int stop_fd;            /* readable: the run has ended, stop waiting */
	struct nd_stats *stats; /* counts sockets and questions */
};

/* Opens a UDP socket connected to the server: its descriptor, or -errno. */
int nd_channel_connect(const struct nd_channel *ch, const struct nd_addr *server);
/* Opens an unconnected UDP socket; AF_INET6 allows IPv4-mapped addresses. */
int nd_channel_open(const struct nd_channel *ch, int family);
/* Sends the question; `to` is NULL on a connected socket. 0 or -errno. */
int nd_channel_send(const struct nd_channel *ch, int fd, const struct nd_question *q,
		    const struct nd_addr *to);

/* The addresses that an unconnected socket accepts responses from. */
struct nd_channel_peers {
	const struct nd_addr *addr;
	unsigned n;
};

/* Waits for a response to an unanswered one of q[n]: its index. Ignores other messages. peers: NULL
 * on a connected socket; else *from is set to the sender's index. */
int nd_channel_wait(const struct nd_channel *ch, int fd, struct nd_question *q, size_t n,
		    uint64_t deadline_ns, const struct nd_channel_peers *peers, unsigned *from);
/* Sends the unanswered ones of q[n] over one TCP connection, all at once, and waits for all
 * responses. 0, or an error, with some possibly answered; -ECONNRESET: closed early. */
int nd_channel_tcp(const struct nd_channel *ch, const struct nd_addr *server, struct nd_question *q,
		   size_t n, uint64_t deadline_ns);
/* Sleeps until until_ns: 0 or -ECANCELED. */
int nd_channel_sleep(const struct nd_channel *ch, uint64_t until_ns);
