/* SPDX-License-Identifier: Apache-2.0 */
/* nlsock.h - a netlink socket: whole datagrams to and from the kernel. The fuzz target `netlink`
 * has a second implementation, a kernel that answers anything.
 *
 * Owns:    the descriptor.
 * Threads: one at a time.
 * Errors:  -errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct nd_nlsock {
	int fd;        /* -1: closed */
	uint32_t port; /* our address: that of the messages to us */
};

/* fd: an inherited socket of that bus (NETLINK_*), owned from here on, even on failure; -1: opens
 * one. Receiving waits for at most five seconds. */
int nd_nlsock_open(struct nd_nlsock *s, int bus, int fd);
void nd_nlsock_close(struct nd_nlsock *s); /* takes a closed one */
/* The kernel has processed the datagram when this returns. */
int nd_nlsock_send(const struct nd_nlsock *s, const void *bytes, size_t n);
/* The length of the next datagram of the kernel; -EAGAIN: there is none, after five seconds or at
 * once; -EMSGSIZE: it has more than n bytes. */
ssize_t nd_nlsock_receive(const struct nd_nlsock *s, void *to, size_t n, bool wait);
