/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nft_stay.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include "node/nft_expr.h"

/* After kube-proxy (100): packets that it masquerades are not changed again. */
static const struct nd_nft_chain postrouting = { "postrouting", "nat", NF_INET_POST_ROUTING, 110 };

void nd_nft_stay_name(const char *table, char out[ND_NFT_STAY_NAME_MAX])
{
	snprintf(out, ND_NFT_STAY_NAME_MAX, "%s-stay", table);
}

void nd_nft_stay_install(struct nd_nft_batch *b, enum nd_nft_state there,
			 const struct nd_addr *addrs, size_t n)
{
	if (there != ND_NFT_NONE)
		nd_nft_batch_delete_table(b);
	nd_nft_batch_table(b, false);
	nd_nft_batch_chain(b, &postrouting);
	for (size_t i = 0; i < n; i++) {
		struct nd_nft_expr e;
		nd_nft_expr_init(&e, NFPROTO_INET, b->table, postrouting.name);
		nd_nft_expr_addr(&e, ND_NFT_FROM, &addrs[i]);
		nd_nft_expr_is_dnat(&e);
		nd_nft_expr_not_out(&e, "lo");
		nd_nft_expr_masquerade(&e);
		nd_nft_batch_rule(b, &e);
	}
}
