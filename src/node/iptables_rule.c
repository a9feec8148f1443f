/* SPDX-License-Identifier: Apache-2.0 */
#include "node/iptables_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <netinet/in.h>
#include <string.h>
#include "base/err.h"
#include "node/nlmsg.h"

/* The content of the register that the next comparison uses. */
enum loaded { NOTHING, PROTO, SOURCE, DEST, SOURCE_PORT, DEST_PORT };

struct reading {
	struct nd_iptables_rule rule;
	uint32_t family;
	enum loaded loaded;
};

/* The attribute of this type inside of `nest`, if both exist. */
static struct nd_nlmsg_attr find(struct nd_nlmsg_attr nest, uint16_t type)
{
	return nd_nlmsg_find(nd_nlmsg_inside(nest), type);
}

/* UINT32_MAX: missing. */
static uint32_t number(struct nd_nlmsg_attr nest, uint16_t type)
{
	return nd_nlmsg_be32(find(nest, type), UINT32_MAX);
}

static bool read_meta(struct reading *r, struct nd_nlmsg_attr e)
{
	r->loaded = PROTO;
	return number(e, NFTA_META_KEY) == NFT_META_L4PROTO;
}

static bool read_payload(struct reading *r, struct nd_nlmsg_attr e)
{
	static const struct {
		uint32_t family, base, offset, len; /* family 0: any */
		enum loaded is;
	} rows[] = {
		{ NFPROTO_IPV4, NFT_PAYLOAD_NETWORK_HEADER, 9, 1, PROTO },
		{ NFPROTO_IPV4, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, SOURCE },
		{ NFPROTO_IPV4, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, DEST },
		{ NFPROTO_IPV6, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, SOURCE },
		{ NFPROTO_IPV6, NFT_PAYLOAD_NETWORK_HEADER, 24, 16, DEST },
		{ 0, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, SOURCE_PORT },
		{ 0, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, DEST_PORT },
	};

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		if ((!rows[i].family || rows[i].family == r->family) &&
		    rows[i].base == number(e, NFTA_PAYLOAD_BASE) &&
		    rows[i].offset == number(e, NFTA_PAYLOAD_OFFSET) &&
		    rows[i].len == number(e, NFTA_PAYLOAD_LEN)) {
			r->loaded = rows[i].is;
			return true;
		}
	}
	return false;
}

static bool copy_address(uint8_t out[16], uint8_t *len, const void *bytes, size_t n)
{
	if (n != 4 && n != 16)
		return false;
	memcpy(out, bytes, n);
	*len = (uint8_t)n;
	return true;
}

static bool copy_port(uint16_t *out, const void *bytes, size_t n)
{
	uint16_t wire;

	if (n != sizeof wire)
		return false;
	memcpy(&wire, bytes, sizeof wire);
	*out = ntohs(wire);
	return true;
}

static bool read_cmp(struct reading *r, struct nd_nlmsg_attr e)
{
	struct nd_nlmsg_attr data = find(find(e, NFTA_CMP_DATA), NFTA_DATA_VALUE);
	const uint8_t *bytes = data.bytes;
	size_t n = data.n;
	enum loaded what = r->loaded;

	r->loaded = NOTHING;
	if (!n || number(e, NFTA_CMP_OP) != NFT_CMP_EQ)
		return false;
	switch (what) {
	case PROTO: r->rule.proto = *bytes; return n == 1;
	case SOURCE: return copy_address(r->rule.source, &r->rule.nsource, bytes, n);
	case DEST: return copy_address(r->rule.dest, &r->rule.ndest, bytes, n);
	case SOURCE_PORT: return copy_port(&r->rule.source_port, bytes, n);
	case DEST_PORT: return copy_port(&r->rule.dest_port, bytes, n);
	case NOTHING: break;
	}
	return false;
}

/* One port, or all ports. */
static bool read_range(uint16_t *out, const uint16_t range[2])
{
	if (range[0] == 0 && range[1] == UINT16_MAX)
		return true;
	*out = range[0];
	return range[0] == range[1];
}

/* -m tcp, -m udp, -m comment. */
static bool read_match(struct reading *r, struct nd_nlmsg_attr e)
{
	const char *name = nd_nlmsg_text(find(e, NFTA_MATCH_NAME));
	struct nd_nlmsg_attr info = find(e, NFTA_MATCH_INFO);
	struct xt_tcp tcp;
	struct xt_udp udp;

	if (!name || !info.n)
		return false;
	if (strcmp(name, "comment") == 0)
		return true;
	if (strcmp(name, "udp") == 0 && info.n >= sizeof udp) {
		memcpy(&udp, info.bytes, sizeof udp);
		return !udp.invflags && read_range(&r->rule.source_port, udp.spts) &&
		       read_range(&r->rule.dest_port, udp.dpts);
	}
	if (strcmp(name, "tcp") == 0 && info.n >= sizeof tcp) {
		memcpy(&tcp, info.bytes, sizeof tcp);
		return !tcp.invflags && !tcp.option && !tcp.flg_mask &&
		       read_range(&r->rule.source_port, tcp.spts) &&
		       read_range(&r->rule.dest_port, tcp.dpts);
	}
	return false;
}

/* -j NOTRACK, -j CT --notrack: the first field of all of CT's revisions. */
static bool read_target(struct reading *r, struct nd_nlmsg_attr e)
{
	const char *name = nd_nlmsg_text(find(e, NFTA_TARGET_NAME));
	struct nd_nlmsg_attr info = find(e, NFTA_TARGET_INFO);
	uint16_t flags = 0;

	r->rule.verdict = ND_IPTABLES_NOTRACK;
	if (!name)
		return false;
	if (strcmp(name, "NOTRACK") == 0)
		return true;
	if (strcmp(name, "CT") != 0 || info.n < sizeof flags)
		return false;
	memcpy(&flags, info.bytes, sizeof flags);
	return flags & XT_CT_NOTRACK;
}

static bool read_immediate(struct reading *r, struct nd_nlmsg_attr e)
{
	r->rule.verdict = ND_IPTABLES_ACCEPT;
	return number(e, NFTA_IMMEDIATE_DREG) == NFT_REG_VERDICT &&
	       number(find(find(e, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT), NFTA_VERDICT_CODE) ==
		       NF_ACCEPT;
}

static bool read_notrack(struct reading *r, struct nd_nlmsg_attr e)
{
	(void)e;
	r->rule.verdict = ND_IPTABLES_NOTRACK;
	return true;
}

static bool read_counter(struct reading *r, struct nd_nlmsg_attr e)
{
	(void)r, (void)e;
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct reading *r, struct nd_nlmsg_attr e);
} readers[] = {
	{ "meta", read_meta },           { "payload", read_payload }, { "cmp", read_cmp },
	{ "match", read_match },         { "target", read_target },   { "notrack", read_notrack },
	{ "immediate", read_immediate }, { "counter", read_counter },
};

static bool read_expr(struct reading *r, struct nd_nlmsg_attr expr)
{
	const char *name = nd_nlmsg_text(find(expr, NFTA_EXPR_NAME));

	for (size_t i = 0; name && i < ND_COUNT(readers); i++) {
		if (strcmp(readers[i].name, name) == 0)
			return readers[i].read(r, find(expr, NFTA_EXPR_DATA));
	}
	return false;
}

static bool read_exprs(struct reading *r, struct nd_nlmsg_attr exprs)
{
	struct nd_nlmsg_list list = nd_nlmsg_inside(exprs);
	struct nd_nlmsg_attr expr;

	while (nd_nlmsg_next(&list, &expr)) {
		if (expr.type != NFTA_LIST_ELEM || !read_expr(r, expr))
			return false;
	}
	return r->rule.verdict != ND_IPTABLES_NONE;
}

bool nd_iptables_rule_read(const struct nlmsghdr *h, struct nd_iptables_rule *out)
{
	const struct nfgenmsg *head = nd_nlmsg_fixed(h, h->nlmsg_type, sizeof *head);
	struct nd_nlmsg_list attrs = nd_nlmsg_attrs(h, sizeof *head);

	if (!head)
		return false;
	struct reading r = { .family = head->nfgen_family };
	r.rule.table = nd_nlmsg_text(nd_nlmsg_find(attrs, NFTA_RULE_TABLE));
	r.rule.chain = nd_nlmsg_text(nd_nlmsg_find(attrs, NFTA_RULE_CHAIN));
	r.rule.handle = nd_nlmsg_be64(nd_nlmsg_find(attrs, NFTA_RULE_HANDLE), 0);
	if (!r.rule.table || !r.rule.chain ||
	    !read_exprs(&r, nd_nlmsg_find(attrs, NFTA_RULE_EXPRESSIONS)))
		return false;
	*out = r.rule;
	return true;
}
