/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h - requests to the kernel and their complete responses, through libmnl.
 *
 * Owns:    the socket.
 * Threads: one at a time.
 * Errors:  -errno, of the kernel's response or of the socket; -ETIMEDOUT if no response arrives
 *          within five seconds.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

struct nd_netlink {
	struct mnl_socket *sock; /* NULL: closed */
	uint32_t seq;            /* of the last message */
};

enum { ND_NETLINK_BUFFER = 32768 }; /* the kernel sends no longer messages */

/* fd: an inherited socket of that bus, owned from here on, even on failure; -1: opens one. */
int nd_netlink_open(struct nd_netlink *n, int bus, int fd);
void nd_netlink_close(struct nd_netlink *n); /* takes a closed one */
uint32_t nd_netlink_port(const struct nd_netlink *n);

/* The payload of a message of this type with n bytes or more; NULL, with errno set: it is another,
 * or shorter. */
const void *nd_netlink_payload(const struct nlmsghdr *h, uint16_t type, size_t n);
/* The number in an attribute; 0 if it is too short. */
uint32_t nd_netlink_u32(const struct nlattr *attr);

/* Sends h, whose sequence number is set here, and passes each message of the response to `on` (may
 * be NULL) until the acknowledgement or the end of the dump. `on` returns MNL_CB_OK, or
 * MNL_CB_ERROR with errno set. */
int nd_netlink_request(struct nd_netlink *n, struct nlmsghdr *h, mnl_cb_t on, void *ctx);
/* Sends `len` bytes of several messages; the kernel has processed them when the send returns. Then
 * reads the responses: returns the first error, with its message's sequence number in *at. Without
 * any response: -EPROTO. */
int nd_netlink_send_batch(struct nd_netlink *n, const void *bytes, size_t len, uint32_t *at);
