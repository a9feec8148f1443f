/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - the link that carries the agent's addresses, by rtnetlink.
 *
 * Kind: dummy; where the kernel has none, a bridge without ports. It is never set up and has no
 * route: that an address is in the local table is enough. Addresses are /32 and /128, IPv6 with
 * IFA_F_NODAD (else they do not bind while the link is down). Owns:    nothing: the kernel keeps
 * link and addresses when we go, a successor adopts them by name. Threads: control. Errors: -errno,
 * and the diag says what was wanted and what would cure it. Needs CAP_NET_ADMIN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/addr.h"
#include "conf/diag.h"

struct nd_link_config {
	const char *name; /* at most 15 octets */
	const struct nd_addr *addrs;
	size_t naddrs;
};

/* Makes the link unless one of that name is there, and adds the addresses that it lacks. Done twice
 * it changes nothing. *changed, if given: whether anything had to be done. */
int nd_link_up(const struct nd_link_config *c, bool *changed, struct nd_diag *d);
/* Removes the link and with it its addresses; 0 too where there is none. A link that carries ports
 * or is of another kind than dummy or bridge is not ours: refused. */
int nd_link_down(const char *name, struct nd_diag *d);
