/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nft_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include "base/err.h"
#include "node/nft_batch.h"
#include "node/nft_expr.h"

enum { PRIORITY_RAW = -300, PRIORITY_SOURCE = 100 };

static const struct nd_nft_chain prerouting = { "c", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW };
static const struct nd_nft_chain nat = { "c", "nat", NF_INET_POST_ROUTING, PRIORITY_SOURCE };

static void try_socket(struct nd_nft_batch *b, bool any)
{
	struct nd_nft_expr e;

	nd_nft_batch_chain(b, &prerouting);
	nd_nft_expr_init(&e, NFPROTO_INET, b->table, prerouting.name);
	nd_nft_expr_proto(&e, IPPROTO_UDP);
	nd_nft_expr_socket(&e, any);
	nd_nft_batch_rule(b, &e);
}

static void try_nothing(struct nd_nft_batch *b)
{
	(void)b; /* the table is all */
}

static void try_wildcard(struct nd_nft_batch *b)
{
	try_socket(b, false);
}

static void try_any_socket(struct nd_nft_batch *b)
{
	try_socket(b, true);
}

static void try_nat(struct nd_nft_batch *b)
{
	struct nd_nft_expr e;

	nd_nft_batch_chain(b, &nat);
	nd_nft_expr_init(&e, NFPROTO_INET, b->table, nat.name);
	nd_nft_expr_masquerade(&e);
	nd_nft_batch_rule(b, &e);
}

/* Whether the error means that the kernel does not know what was sent: an unknown flag, key or
 * module. */
static bool is_unknown(int err)
{
	return err == -EOPNOTSUPP || err == -EINVAL || err == -ENOENT || err == -EAFNOSUPPORT;
}

static int try_one(struct nd_netlink *nl, const char *table, bool owned,
		   void (*use)(struct nd_nft_batch *b), bool *out, struct nd_diag *d)
{
	struct nd_nft_batch b;

	nd_nft_batch_init(&b, nl, table);
	nd_nft_batch_table(&b, owned);
	use(&b);
	nd_nft_batch_delete_table(&b);
	int err = nd_nft_batch_send(&b, "cannot use nftables", d);
	nd_nft_batch_clear(&b);
	*out = !err;
	return err;
}

int nd_nft_probe(struct nd_netlink *nl, const char *table, struct nd_nft_features *out,
		 struct nd_diag *d)
{
	struct nd_nft_features f = { .owner = false };
	const struct {
		bool owned;
		void (*use)(struct nd_nft_batch *b);
		bool *result;
	} rows[] = {
		{ true, try_nothing, &f.owner },
		{ false, try_wildcard, &f.wildcard },
		{ false, try_any_socket, &f.socket },
		{ false, try_nat, &f.nat },
	};
	char name[96];
	bool plain;

	snprintf(name, sizeof name, "%s-probe", table);
	int err = try_one(nl, name, false, try_nothing, &plain, d);
	for (size_t i = 0; !err && i < ND_COUNT(rows); i++) {
		struct nd_diag ignored = { .set = false };
		err = try_one(nl, name, rows[i].owned, rows[i].use, rows[i].result, &ignored);
		if (is_unknown(err))
			err = 0;
		else if (err)
			nd_diag_at(d, NULL, 0, "%s", ignored.text);
	}
	if (!err)
		*out = f;
	return err;
}
