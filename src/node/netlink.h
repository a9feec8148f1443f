/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h - requests to the kernel and their complete responses.
 *
 * Owns:    the socket.
 * Threads: one at a time.
 * Errors:  -errno, of the kernel's response or of the socket; -ETIMEDOUT if no response arrives
 *          within five seconds; ND_ELIMIT if the message did not fit its memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "node/nlmsg.h"
#include "node/nlsock.h"

struct nd_netlink {
	struct nd_nlsock sock;
	uint32_t seq; /* of the last message */
};

enum { ND_NETLINK_BUFFER = 32768 }; /* the kernel sends no longer messages */

/* Receives a message of a response; returns 0 or -errno. */
typedef int nd_netlink_on(const struct nlmsghdr *h, void *ctx);

/* fd: an inherited socket of that bus, owned from here on, even on failure; -1: opens one. */
int nd_netlink_open(struct nd_netlink *n, int bus, int fd);
void nd_netlink_close(struct nd_netlink *n); /* takes a closed one, not a zeroed one */

/* Sends m, whose sequence number is set here, and passes each message of the response to `on` (may
 * be NULL) until the acknowledgement or the end of the dump. -EINTR: what is listed changed
 * meanwhile, so something may be missing. */
int nd_netlink_request(struct nd_netlink *n, struct nd_nlmsg *m, nd_netlink_on *on, void *ctx);
/* Sends `len` bytes of several messages; the kernel has processed them when the send returns. Then
 * reads the responses: returns the first error, with its message's sequence number in *at. Without
 * any response: -EPROTO. */
int nd_netlink_send_batch(struct nd_netlink *n, const void *bytes, size_t len, uint32_t *at);
