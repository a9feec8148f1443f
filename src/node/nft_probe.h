/* SPDX-License-Identifier: Apache-2.0 */
/* nft_probe.h - which of the features that the rules want this kernel has.
 *
 * Each is tried in a batch that adds a table, uses the feature in it and deletes the table again:
 * the kernel checks all of it, and nothing remains. docs/node.md has the table of kernels.
 *
 * Threads: control.
 * Errors:  -errno, with a diag, if nftables can't be used at all.
 */
#pragma once

#include <stdbool.h>
#include "conf/diag.h"
#include "node/netlink.h"

struct nd_nft_features {
	bool owner;    /* a table that disappears with our socket: Linux 5.12 */
	bool wildcard; /* `socket wildcard`: Linux 5.10 */
	bool socket;   /* `socket transparent`: Linux 4.18 */
	bool nat;      /* nat chains for both families: Linux 5.2 */
};

/* table: the name of ours; the probes have another. */
int nd_nft_probe(struct nd_netlink *nl, const char *table, struct nd_nft_features *out,
		 struct nd_diag *d);
