/* SPDX-License-Identifier: Apache-2.0 */
/* nft_stay.h - a table without an owner, which remains on purpose if the agent is killed.
 *
 * While the interface has our addresses, a host client's query to one of them also has that address
 * as its source. Without the agent, kube-proxy redirects the query to a pod, and the response would
 * go to the holder of that address on the pod's node: that node itself. kube-proxy masquerades such
 * packets only if it knows the pod network (clusterCIDR). So this table masquerades packets from
 * our addresses that were redirected by a DNAT. The next agent takes the table over, and a clean
 * exit removes it.
 */
#pragma once

#include <stddef.h>
#include "base/addr.h"
#include "node/nft_batch.h"

enum { ND_NFT_STAY_NAME_MAX = 72 };

/* Its name, from that of the owned table: "nodens-stay". */
void nd_nft_stay_name(const char *table, char out[ND_NFT_STAY_NAME_MAX]);
/* Adds the table for these addresses to the batch, replacing an existing one. b->table is its name.
 */
void nd_nft_stay_install(struct nd_nft_batch *b, enum nd_nft_state there,
			 const struct nd_addr *addrs, size_t n);
