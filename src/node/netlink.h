/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h - one question to the kernel and its whole answer, over libmnl.
 *
 * Owns:    the socket.
 * Threads: one at a time.
 * Errors:  -errno: the kernel's own, or of the socket; -ETIMEDOUT if no answer comes within five
 * seconds.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

struct nd_netlink {
	struct mnl_socket *sock; /* NULL: closed */
	uint32_t seq;            /* of the last message */
};

enum { ND_NETLINK_BUFFER = 32768 }; /* no message of the kernel is longer */

/* fd: a socket of that bus which somebody holds for us, taken over even on failure; -1: a new one. */
int nd_netlink_open(struct nd_netlink *n, int bus, int fd);
void nd_netlink_close(struct nd_netlink *n); /* takes a closed one */
uint32_t nd_netlink_port(const struct nd_netlink *n);

/* Sends h, which gets its sequence number here, and gives each message of the answer to `on` (may
 * be NULL) until the acknowledgement or the end of the dump. What `on` returns is MNL_CB_OK, or
 * MNL_CB_ERROR with errno. */
int nd_netlink_request(struct nd_netlink *n, struct nlmsghdr *h, mnl_cb_t on, void *ctx);
/* Sends n bytes of several messages; the kernel handles them before it returns. Then reads what it
 * says of them: the first error, with the message's sequence number in *at. Without any answer:
 * -EPROTO. */
int nd_netlink_send_batch(struct nd_netlink *n, const void *bytes, size_t len, uint32_t *at);
