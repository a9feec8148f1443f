/* SPDX-License-Identifier: Apache-2.0 */
/* sock.h - creates bound sockets. Private to udp.c and tcp.c.
 *
 * Owns:    nothing; descriptors belong to the caller.
 */
#pragma once

#include <stdbool.h>
#include "base/addr.h"

struct nd_sock_options {
	bool reuseaddr, reuseport, v6only, freebind;
};

/* A non-blocking socket of type SOCK_DGRAM or SOCK_STREAM, bound to addr: its descriptor, or
 * -errno. */
int nd_sock_bind(int type, const struct nd_addr *addr, const struct nd_sock_options *o);
/* Sets an int option. 0 or -errno. */
int nd_sock_set(int fd, int level, int option, int value);
/* The address that fd is bound to; len 0 on failure. */
struct nd_addr nd_sock_local(int fd);
