/* SPDX-License-Identifier: Apache-2.0 */
/* nft_flows.h - the TCP connections that our rules leave to conntrack, in a set per family.
 *
 * A connection to one of our addresses that a DNS pod has, from before the rules, must remain
 * tracked until it ends: untracked, its next packet would reach our listener, which resets it. Its
 * tuple is in the set: from the connection table, or added by the packet path while the rules are
 * about to change. Closed connections are removed again, since their ports are reused.
 *
 * Owns:    nothing but the sets in the owned table.
 * Threads: control.
 * Errors:  -errno.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "node/nft_batch.h"

enum { ND_NFT_FLOWS_MAX = 8192 }; /* per family; beyond it connections are reset */

/* The set of a family: NFPROTO_IPV4 or NFPROTO_IPV6. */
const char *nd_nft_flows_set(uint8_t family);
/* Adds both sets to the batch. */
void nd_nft_flows_define(struct nd_nft_batch *b);
/* Adds the open connections to these addresses to the sets; they are read now. *n: their number,
 * *beyond: of those that are too many. */
int nd_nft_flows_add(struct nd_nft_batch *b, const struct nd_addr *addrs, size_t naddrs,
		     uint16_t port, size_t *n, size_t *beyond);
/* Removes closed connections from the sets of an owned table. *n: how many remain. */
int nd_nft_flows_prune(struct nd_netlink *nl, const char *table, uint16_t port, size_t *n,
		       struct nd_diag *d);
