/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - the network interface that carries the agent's addresses, through rtnetlink.
 *
 * Its kind is dummy, or a bridge without ports where the kernel has no dummy. It is never set up
 * and has no route: an address only has to be in the local routing table. Addresses are /32 and
 * /128, IPv6 with IFA_F_NODAD (otherwise they cannot be bound while the link is down).
 *
 * Owns:    nothing: the kernel keeps interface and addresses when the process ends, and a successor
 *          adopts them by name.
 * Threads: control.
 * Errors:  -errno, with a diag that says what failed and how to fix it. Needs CAP_NET_ADMIN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/addr.h"
#include "conf/diag.h"

struct nd_link_config {
	const char *name; /* at most 15 bytes */
	const struct nd_addr *addrs;
	size_t naddrs;
};

/* Creates the interface unless it exists, adds missing addresses and removes others. Idempotent.
 * *changed, if not NULL: whether anything had to be changed. */
int nd_link_up(const struct nd_link_config *c, bool *changed, struct nd_diag *d);
/* Removes the interface with its addresses; 0 also if there is none. An interface that has ports,
 * or is neither a dummy nor a bridge, is not ours: refused. */
int nd_link_down(const char *name, struct nd_diag *d);
