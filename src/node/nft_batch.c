/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nft_batch.h"

#include <endian.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include "base/err.h"

enum {
	MESSAGE_MAX = 4096, /* our rules take about 400 bytes; libnftnl checks no limit */
	BATCH_MAX = 1 << 20,
};

static void *reserve(struct nd_nft_batch *b)
{
	void *p = b->err ? NULL : nd_buf_room(&b->bytes, MESSAGE_MAX);

	if (!p && !b->err)
		b->err = b->bytes.err;
	return p;
}

/* Starts a message; the caller adds attributes and calls end(). NULL: out of memory. */
static struct nlmsghdr *begin(struct nd_nft_batch *b, uint16_t type, uint16_t flags)
{
	char *p = reserve(b);

	return p ? nftnl_nlmsg_build_hdr(p, type, b->family, flags, ++b->nl->seq) : NULL;
}

static void end(struct nd_nft_batch *b, const struct nlmsghdr *h)
{
	ND_ASSERT(h->nlmsg_len <= MESSAGE_MAX);
	b->last = b->bytes.len;
	b->bytes.len += h->nlmsg_len;
	b->changes++;
}

void nd_nft_batch_init(struct nd_nft_batch *b, struct nd_netlink *nl, const char *table)
{
	char *p;

	*b = (struct nd_nft_batch){ .nl = nl, .family = NFPROTO_INET, .table = table };
	nd_buf_init(&b->bytes, BATCH_MAX);
	if ((p = reserve(b)))
		end(b, nftnl_batch_begin(p, ++nl->seq));
	b->changes = 0;
}

void nd_nft_batch_clear(struct nd_nft_batch *b)
{
	nd_buf_clear(&b->bytes);
}

static void add_table(struct nd_nft_batch *b, uint16_t type, uint16_t flags, uint32_t table_flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *h;

	if (!t || nftnl_table_set_str(t, NFTNL_TABLE_NAME, b->table) < 0) {
		b->err = b->err ? b->err : -ENOMEM;
	} else if ((h = begin(b, type, flags))) {
		if (table_flags)
			nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, table_flags);
		nftnl_table_nlmsg_build_payload(h, t);
		end(b, h);
	}
	if (t)
		nftnl_table_free(t);
}

void nd_nft_batch_delete_table(struct nd_nft_batch *b)
{
	add_table(b, NFT_MSG_DELTABLE, 0, 0);
}

void nd_nft_batch_table(struct nd_nft_batch *b, bool owned)
{
	add_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, owned ? NFT_TABLE_F_OWNER : 0);
}

static int describe_chain(struct nftnl_chain *c, const char *table, const struct nd_nft_chain *from)
{
	nftnl_chain_set_u32(c, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, from->hook);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, from->priority);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	if (nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table) < 0 ||
	    nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, from->name) < 0 ||
	    nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, from->type) < 0)
		return -ENOMEM;
	return 0;
}

void nd_nft_batch_chain(struct nd_nft_batch *b, const struct nd_nft_chain *from)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h;

	if (!c || describe_chain(c, b->table, from) < 0) {
		b->err = b->err ? b->err : -ENOMEM;
	} else if ((h = begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL))) {
		nftnl_chain_nlmsg_build_payload(h, c);
		end(b, h);
	}
	if (c)
		nftnl_chain_free(c);
}

static void add_rule(struct nd_nft_batch *b, struct nd_nft_expr *e, uint16_t flags)
{
	struct nlmsghdr *h;

	if (!b->err)
		b->err = e->err;
	if ((h = begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | flags))) {
		nftnl_rule_nlmsg_build_payload(h, e->rule);
		end(b, h);
	}
	nd_nft_expr_clear(e);
}

void nd_nft_batch_rule(struct nd_nft_batch *b, struct nd_nft_expr *e)
{
	add_rule(b, e, NLM_F_APPEND);
}

void nd_nft_batch_insert_rule(struct nd_nft_batch *b, struct nd_nft_expr *e)
{
	add_rule(b, e, 0);
}

void nd_nft_batch_delete_rule(struct nd_nft_batch *b, const char *table, const char *chain,
			      uint64_t handle)
{
	struct nlmsghdr *h = begin(b, NFT_MSG_DELRULE, 0);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	mnl_attr_put_u64(h, NFTA_RULE_HANDLE, htobe64(handle));
	end(b, h);
}

/* The likely cause of a common error. */
static const char *explain(int err)
{
	switch (err) {
	case -EPERM: return ": CAP_NET_ADMIN is required, and no other process may own the table";
	case -EPROTONOSUPPORT:
	case -EINVAL:
		return ": the kernel lacks nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)";
	case -EOPNOTSUPP: return ": owned tables require Linux 5.12";
	case -ENOENT:
		return ": the kernel lacks an nf_tables module (nft_ct, nft_socket, nft_fib_inet, nft_nat, "
		       "nft_masq, nft_chain_nat)";
	default: return "";
	}
}

int nd_nft_batch_send(struct nd_nft_batch *b, const char *purpose, struct nd_diag *d)
{
	uint32_t at = 0;
	char *p = reserve(b);
	int err = b->err;

	if (p) {
		/* The kernel reports errors for any message, but success only for this one. */
		((struct nlmsghdr *)(b->bytes.data + b->last))->nlmsg_flags |= NLM_F_ACK;
		end(b, nftnl_batch_end(p, ++b->nl->seq));
		err = nd_netlink_send_batch(b->nl, b->bytes.data, b->bytes.len, &at);
	}
	if (err)
		nd_diag_at(d, NULL, 0, "nftables table %s: %s: %s%s", b->table, purpose,
			   nd_err_text(err), explain(err));
	return err;
}

struct found {
	uint32_t port;
	enum nd_nft_state state;
};

static int on_table(const struct nlmsghdr *h, void *ctx)
{
	const uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE;
	const struct nlattr *attr;
	struct found *f = ctx;

	if (!nd_netlink_payload(h, type, sizeof(struct nfgenmsg)))
		return MNL_CB_ERROR;
	f->state = ND_NFT_UNOWNED;
	mnl_attr_for_each(attr, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == NFTA_TABLE_OWNER)
			f->state = be32toh(nd_netlink_u32(attr)) == f->port ? ND_NFT_OWNED
									    : ND_NFT_FOREIGN;
	}
	return MNL_CB_OK;
}

int nd_nft_batch_find_table(struct nd_netlink *nl, const char *table, enum nd_nft_state *out,
			    struct nd_diag *d)
{
	struct found f = { .port = nd_netlink_port(nl), .state = ND_NFT_NONE };
	_Alignas(struct nlmsghdr) char buf[MESSAGE_MAX];
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_INET, 0, 0);
	struct nftnl_table *t = nftnl_table_alloc();

	int err = t && nftnl_table_set_str(t, NFTNL_TABLE_NAME, table) == 0 ? 0 : -ENOMEM;
	if (!err) {
		nftnl_table_nlmsg_build_payload(h, t);
		err = nd_netlink_request(nl, h, on_table, &f);
	}
	if (t)
		nftnl_table_free(t);
	if (err && err != -ENOENT) {
		nd_diag_at(d, NULL, 0, "nftables table inet %s: cannot query it: %s%s", table,
			   nd_err_text(err), explain(err));
		return err;
	}
	*out = f.state;
	return 0;
}
