/* SPDX-License-Identifier: Apache-2.0 */
/* nft_stay.h - what stays behind on purpose when we are killed: a plain table that nobody owns.
 *
 * While the link has our addresses, a host client's question to one of them has that address as its
 * source too. Once we are gone kube-proxy sends it to a pod, and the answer would go to whoever has
 * that address there: the pod's own node. kube-proxy gives it a source of this node only where it
 * was told the pods' addresses (clusterCIDR); so we do, for what was sent to another place than it
 * was meant for. A second agent takes the table over, a clean end takes it away.
 */
#pragma once

#include <stddef.h>
#include "base/addr.h"
#include "node/nft_batch.h"

enum { ND_NFT_STAY_NAME_MAX = 72 };

/* Its name beside the owned table's: "nodens-stay". */
void nd_nft_stay_name(const char *table, char out[ND_NFT_STAY_NAME_MAX]);
/* Adds to the batch, which is of that table: the table for these addresses, in place of one that is
 * there. */
void nd_nft_stay_install(struct nd_nft_batch *b, enum nd_nft_state there,
			 const struct nd_addr *addrs, size_t n);
