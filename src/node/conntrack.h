/* SPDX-License-Identifier: Apache-2.0 */
/* conntrack.h - the kernel's connection table: how full it is, and, through ctnetlink, the TCP
 * connections to our addresses that lead to another machine.
 *
 * Threads: one at a time per socket.
 * Errors:  -errno; -ENOENT or -EINVAL without the kernel's nf_conntrack_netlink.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/array.h"
#include "node/netlink.h"

/* Its number of entries, and the limit (net.netfilter.nf_conntrack_max; 0: none). -errno:
 * there is no table. */
int nd_conntrack_usage(uint64_t *entries, uint64_t *limit);

/* A TCP connection as its client sees it. The port of the address is known to the caller. */
struct nd_conntrack_flow {
	uint8_t n; /* length of the addresses: 4 or 16 */
	uint8_t source[16], dest[16];
	uint16_t port; /* the client's */
};

struct nd_conntrack_flows {
	struct nd_conntrack_flow *list; /* heap; free() it */
	size_t n, cap;
	size_t beyond; /* not listed, for lack of room */
};

/* Appends the open TCP connections to one of these addresses and this port that a DNAT redirects,
 * at most `max` in all of *out. Other entries than those of `family` (AF_*) are left out. */
int nd_conntrack_list(struct nd_netlink *nl, uint8_t family, const struct nd_addr *addrs,
		      size_t naddrs, uint16_t port, size_t max, struct nd_conntrack_flows *out);
/* Whether such a connection is open. */
int nd_conntrack_find(struct nd_netlink *nl, const struct nd_conntrack_flow *f, uint16_t port,
		      bool *out);
