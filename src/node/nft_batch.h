/* SPDX-License-Identifier: Apache-2.0 */
/* nft_batch.h - changes of nftables that the kernel makes all together or not at all.
 *
 * Owns:    the messages, until cleared.
 * Threads: one at a time.
 * Errors:  sticky: the first one stays, later calls do nothing; nd_nft_batch_send() reports it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "conf/diag.h"
#include "node/netlink.h"
#include "node/nft_expr.h"

struct nd_nft_batch {
	struct nd_buf bytes;
	struct nd_netlink *nl; /* counts the messages */
	uint8_t family;        /* NFPROTO_INET, unless changed: of the messages that follow */
	const char *table;     /* the same, of those that are about a table or a chain */
	size_t last;           /* where the last message begins */
	unsigned changes;      /* messages between begin and end */
	int err;
};

struct nd_nft_chain {
	const char *name;
	const char *type; /* "filter", "nat" */
	uint32_t hook;    /* NF_INET_* */
	int32_t priority;
};

/* What stands in the kernel under that name. */
enum nd_nft_state {
	ND_NFT_NONE,
	ND_NFT_UNOWNED, /* a table of nobody */
	ND_NFT_OWNED,   /* owned by this socket */
	ND_NFT_FOREIGN, /* owned by another socket: nobody else may touch it */
};

/* table must outlive the batch. */
void nd_nft_batch_init(struct nd_nft_batch *b, struct nd_netlink *nl, const char *table);
void nd_nft_batch_clear(struct nd_nft_batch *b);
void nd_nft_batch_delete_table(struct nd_nft_batch *b);
void nd_nft_batch_table(struct nd_nft_batch *b, bool owned);
void nd_nft_batch_chain(struct nd_nft_batch *b, const struct nd_nft_chain *c);
/* A rule of this table; taken and cleared whatever happens. */
void nd_nft_batch_rule(struct nd_nft_batch *b, struct nd_nft_expr *e);
/* The same, before all rules of its chain. */
void nd_nft_batch_insert_rule(struct nd_nft_batch *b, struct nd_nft_expr *e);
/* Family, table, chain and handle are taken from the rule, which is borrowed. */
void nd_nft_batch_delete_rule(struct nd_nft_batch *b, const struct nftnl_rule *r);
/* Has it done; on failure the diag has `purpose` and why. */
int nd_nft_batch_send(struct nd_nft_batch *b, const char *purpose, struct nd_diag *d);

/* Asks for the table `inet NAME`. */
int nd_nft_batch_find_table(struct nd_netlink *nl, const char *table, enum nd_nft_state *out,
			    struct nd_diag *d);
