/* SPDX-License-Identifier: Apache-2.0 */
/* nft_batch.h - changes of nftables that the kernel applies completely or not at all.
 *
 * Owns:    the messages, until cleared.
 * Threads: one at a time.
 * Errors:  sticky: after the first, calls do nothing; nd_nft_batch_send() returns it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "conf/diag.h"
#include "node/conntrack.h"
#include "node/netlink.h"
#include "node/nft_expr.h"

struct nd_nft_batch {
	struct nd_buf bytes;
	struct nd_buf names;   /* what each message changes, a line each: for the error */
	struct nd_netlink *nl; /* numbers the messages */
	uint8_t family;        /* of the following messages; NFPROTO_INET initially */
	const char *table;     /* of the following messages about a table or a chain */
	size_t last;           /* offset of the last message */
	unsigned changes;      /* number of messages between begin and end */
	int err;
};

struct nd_nft_chain {
	const char *name;
	const char *type; /* "filter", "nat" */
	uint32_t hook;    /* NF_INET_* */
	int32_t priority;
};

/* The state of a table in the kernel. */
enum nd_nft_state {
	ND_NFT_NONE,
	ND_NFT_UNOWNED,
	ND_NFT_OWNED,   /* by this socket */
	ND_NFT_FOREIGN, /* owned by another socket, and only that can change it */
};

/* table must outlive the batch. */
void nd_nft_batch_init(struct nd_nft_batch *b, struct nd_netlink *nl, const char *table);
void nd_nft_batch_clear(struct nd_nft_batch *b);
void nd_nft_batch_delete_table(struct nd_nft_batch *b);
void nd_nft_batch_table(struct nd_nft_batch *b, bool owned);
void nd_nft_batch_chain(struct nd_nft_batch *b, const struct nd_nft_chain *c);
/* A set of connections, as nd_nft_expr_not_in() looks them up: source address, source port,
 * address. The packet path can add to it. */
void nd_nft_batch_set(struct nd_nft_batch *b, const char *name, uint8_t family, uint32_t max);
/* Adds connections to the set or deletes them from it; all of that family. */
void nd_nft_batch_elements(struct nd_nft_batch *b, const char *set, bool add,
			   const struct nd_conntrack_flow *flows, size_t n);
/* Deletes all rules of the table; chains and sets remain. */
void nd_nft_batch_delete_rules(struct nd_nft_batch *b);
/* Appends a rule to its chain; its error becomes the batch's. */
void nd_nft_batch_rule(struct nd_nft_batch *b, const struct nd_nft_expr *e);
/* The same, at the start of its chain. */
void nd_nft_batch_insert_rule(struct nd_nft_batch *b, const struct nd_nft_expr *e);
/* Deletes a rule of b's family. */
void nd_nft_batch_delete_rule(struct nd_nft_batch *b, const char *table, const char *chain,
			      uint64_t handle);
/* Applies the batch. On failure the diag has `purpose` ("cannot install the rules"), the change
 * that failed, like the rule in nft's syntax, and the error. */
int nd_nft_batch_send(struct nd_nft_batch *b, const char *purpose, struct nd_diag *d);

/* Starts a request (NFT_MSG_GET*) in the given memory; the caller adds attributes. */
void nd_nft_batch_query(struct nd_nlmsg *m, void *memory, size_t n, uint16_t type, uint16_t flags,
			uint8_t family);
/* Looks up the table `inet NAME`. */
int nd_nft_batch_find_table(struct nd_netlink *nl, const char *table, enum nd_nft_state *out,
			    struct nd_diag *d);
