/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nft_flows.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/err.h"
#include "node/conntrack.h"

static const struct family {
	uint8_t nfproto, af, n; /* n: length of an address */
	const char *set;
} families[] = {
	{ NFPROTO_IPV4, AF_INET, 4, "tracked4" },
	{ NFPROTO_IPV6, AF_INET6, 16, "tracked6" },
};

const char *nd_nft_flows_set(uint8_t family)
{
	return families[family == NFPROTO_IPV6].set;
}

void nd_nft_flows_define(struct nd_nft_batch *b)
{
	for (size_t i = 0; i < ND_COUNT(families); i++)
		nd_nft_batch_set(b, families[i].set, families[i].nfproto, ND_NFT_FLOWS_MAX);
}

int nd_nft_flows_add(struct nd_nft_batch *b, const struct nd_addr *addrs, size_t naddrs,
		     uint16_t port, size_t *n, size_t *beyond)
{
	int err = 0;

	*n = *beyond = 0;
	for (size_t i = 0; !err && i < ND_COUNT(families); i++) {
		struct nd_conntrack_flows flows = { .list = NULL };
		err = nd_conntrack_list(b->nl, families[i].af, addrs, naddrs, port,
					ND_NFT_FLOWS_MAX, &flows);
		if (!err)
			nd_nft_batch_elements(b, families[i].set, true, flows.list, flows.n);
		*n += flows.n;
		*beyond += flows.beyond;
		free(flows.list);
	}
	return err;
}

/* The elements of a set. */
struct elements {
	uint8_t n; /* length of an address */
	struct nd_conntrack_flows flows;
};

static int on_elements(const struct nlmsghdr *h, void *ctx)
{
	const uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM;
	struct elements *to = ctx;
	struct nd_nlmsg_attr element;

	if (!nd_nlmsg_fixed(h, type, sizeof(struct nfgenmsg)))
		return -EBADMSG;
	struct nd_nlmsg_list list = nd_nlmsg_inside(
		nd_nlmsg_find(nd_nlmsg_attrs(h, sizeof(struct nfgenmsg)),
			      NFTA_SET_ELEM_LIST_ELEMENTS));
	while (nd_nlmsg_next(&list, &element) && to->flows.n < ND_NFT_FLOWS_MAX) {
		struct nd_nlmsg_list inside = nd_nlmsg_inside(element);
		struct nd_nlmsg_attr key =
			nd_nlmsg_find(nd_nlmsg_inside(nd_nlmsg_find(inside, NFTA_SET_ELEM_KEY)),
				      NFTA_DATA_VALUE);
		struct nd_conntrack_flow *grown = nd_array_grow(to->flows.list, &to->flows.cap,
								to->flows.n + 1, sizeof *grown);
		if (!grown)
			return -ENOMEM;
		to->flows.list = grown;
		if (key.n != 2 * (size_t)to->n + 4)
			return -EBADMSG;
		struct nd_conntrack_flow *f = &grown[to->flows.n++];
		*f = (struct nd_conntrack_flow){ .n = to->n };
		memcpy(f->source, key.bytes, to->n);
		f->port = (uint16_t)(key.bytes[to->n] << 8 | key.bytes[to->n + 1]);
		memcpy(f->dest, key.bytes + to->n + 4, to->n);
	}
	return 0;
}

static int list_elements(struct nd_netlink *nl, const char *table, const struct family *f,
			 struct elements *out)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct nd_nlmsg m;

	*out = (struct elements){ .n = f->n };
	nd_nft_batch_query(&m, buf, sizeof buf, NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET);
	nd_nlmsg_put_text(&m, NFTA_SET_ELEM_LIST_TABLE, table);
	nd_nlmsg_put_text(&m, NFTA_SET_ELEM_LIST_SET, f->set);
	return nd_netlink_request(nl, &m, on_elements, out);
}

/* Moves the closed connections to the front of the list; *closed: their number. */
static int sort_out(struct nd_netlink *nl, struct nd_conntrack_flows *flows, uint16_t port,
		    size_t *closed)
{
	*closed = 0;
	for (size_t i = 0; i < flows->n; i++) {
		bool open;
		int err = nd_conntrack_find(nl, &flows->list[i], port, &open);
		if (err)
			return err;
		if (open)
			continue;
		struct nd_conntrack_flow f = flows->list[*closed];
		flows->list[(*closed)++] = flows->list[i];
		flows->list[i] = f;
	}
	return 0;
}

int nd_nft_flows_prune(struct nd_netlink *nl, const char *table, uint16_t port, size_t *n,
		       struct nd_diag *d)
{
	int err = 0;

	*n = 0;
	for (size_t i = 0; !err && i < ND_COUNT(families); i++) {
		struct elements found;
		struct nd_nft_batch b;
		size_t closed = 0;
		err = list_elements(nl, table, &families[i], &found);
		if (!err)
			err = sort_out(nl, &found.flows, port, &closed);
		nd_nft_batch_init(&b, nl, table);
		nd_nft_batch_elements(&b, families[i].set, false, found.flows.list, closed);
		if (err)
			nd_diag_at(
				d, NULL, 0,
				"nftables table inet %s: cannot list the connections of set %s: %s",
				table, families[i].set, nd_err_text(err));
		else if (closed)
			err = nd_nft_batch_send(&b, "cannot remove closed connections", d);
		*n += found.flows.n - closed;
		nd_nft_batch_clear(&b);
		free(found.flows.list);
	}
	return err;
}
