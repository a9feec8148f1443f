/* SPDX-License-Identifier: Apache-2.0 */
/* Not by libnftnl, which ends the process at an attribute of an unexpected size, and crashes at an
 * expression without a name. */
#include "node/iptables_rule.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <netinet/in.h>
#include <string.h>
#include "base/err.h"
#include "node/netlink.h"

/* The content of the register that the next comparison uses. */
enum loaded { NOTHING, PROTO, SOURCE, DEST, SOURCE_PORT, DEST_PORT };

struct reading {
	struct nd_iptables_rule rule;
	uint32_t family;
	enum loaded loaded;
};

/* The attribute of this type in `nest`, or NULL; `nest` may be NULL. */
static const struct nlattr *find(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	if (!nest)
		return NULL;
	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

/* UINT32_MAX: missing. */
static uint32_t number(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr = find(nest, type);

	return attr && mnl_attr_get_payload_len(attr) == 4 ? ntohl(mnl_attr_get_u32(attr))
							   : UINT32_MAX;
}

static const char *text_of(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attr)
									 : NULL;
}

/* NULL: missing or empty. */
static const void *bytes_of(const struct nlattr *attr, uint32_t *n)
{
	*n = attr ? mnl_attr_get_payload_len(attr) : 0;
	return *n ? mnl_attr_get_payload(attr) : NULL;
}

static bool read_meta(struct reading *r, const struct nlattr *e)
{
	r->loaded = PROTO;
	return number(e, NFTA_META_KEY) == NFT_META_L4PROTO;
}

static bool read_payload(struct reading *r, const struct nlattr *e)
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

static bool copy_address(uint8_t out[16], uint8_t *len, const void *bytes, uint32_t n)
{
	if (n != 4 && n != 16)
		return false;
	memcpy(out, bytes, n);
	*len = (uint8_t)n;
	return true;
}

static bool copy_port(uint16_t *out, const void *bytes, uint32_t n)
{
	uint16_t wire;

	if (n != sizeof wire)
		return false;
	memcpy(&wire, bytes, sizeof wire);
	*out = ntohs(wire);
	return true;
}

static bool read_cmp(struct reading *r, const struct nlattr *e)
{
	uint32_t n;
	const void *bytes = bytes_of(find(find(e, NFTA_CMP_DATA), NFTA_DATA_VALUE), &n);
	enum loaded what = r->loaded;

	r->loaded = NOTHING;
	if (!bytes || number(e, NFTA_CMP_OP) != NFT_CMP_EQ)
		return false;
	switch (what) {
	case PROTO: r->rule.proto = *(const uint8_t *)bytes; return n == 1;
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
static bool read_match(struct reading *r, const struct nlattr *e)
{
	uint32_t n;
	const char *name = text_of(find(e, NFTA_MATCH_NAME));
	const void *info = bytes_of(find(e, NFTA_MATCH_INFO), &n);
	struct xt_tcp tcp;
	struct xt_udp udp;

	if (!name || !info)
		return false;
	if (strcmp(name, "comment") == 0)
		return true;
	if (strcmp(name, "udp") == 0 && n >= sizeof udp) {
		memcpy(&udp, info, sizeof udp);
		return !udp.invflags && read_range(&r->rule.source_port, udp.spts) &&
		       read_range(&r->rule.dest_port, udp.dpts);
	}
	if (strcmp(name, "tcp") == 0 && n >= sizeof tcp) {
		memcpy(&tcp, info, sizeof tcp);
		return !tcp.invflags && !tcp.option && !tcp.flg_mask &&
		       read_range(&r->rule.source_port, tcp.spts) &&
		       read_range(&r->rule.dest_port, tcp.dpts);
	}
	return false;
}

/* -j NOTRACK, -j CT --notrack: the first field of all of CT's revisions. */
static bool read_target(struct reading *r, const struct nlattr *e)
{
	uint32_t n;
	const char *name = text_of(find(e, NFTA_TARGET_NAME));
	const void *info = bytes_of(find(e, NFTA_TARGET_INFO), &n);
	uint16_t flags = 0;

	r->rule.verdict = ND_IPTABLES_NOTRACK;
	if (!name)
		return false;
	if (strcmp(name, "NOTRACK") == 0)
		return true;
	if (strcmp(name, "CT") != 0 || !info || n < sizeof flags)
		return false;
	memcpy(&flags, info, sizeof flags);
	return flags & XT_CT_NOTRACK;
}

static bool read_immediate(struct reading *r, const struct nlattr *e)
{
	r->rule.verdict = ND_IPTABLES_ACCEPT;
	return number(e, NFTA_IMMEDIATE_DREG) == NFT_REG_VERDICT &&
	       number(find(find(e, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT), NFTA_VERDICT_CODE) ==
		       NF_ACCEPT;
}

static bool read_notrack(struct reading *r, const struct nlattr *e)
{
	(void)e;
	r->rule.verdict = ND_IPTABLES_NOTRACK;
	return true;
}

static bool read_counter(struct reading *r, const struct nlattr *e)
{
	(void)r, (void)e;
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct reading *r, const struct nlattr *e);
} readers[] = {
	{ "meta", read_meta },           { "payload", read_payload }, { "cmp", read_cmp },
	{ "match", read_match },         { "target", read_target },   { "notrack", read_notrack },
	{ "immediate", read_immediate }, { "counter", read_counter },
};

static bool read_expr(struct reading *r, const struct nlattr *expr)
{
	const char *name = text_of(find(expr, NFTA_EXPR_NAME));

	for (size_t i = 0; name && i < ND_COUNT(readers); i++) {
		if (strcmp(readers[i].name, name) == 0)
			return readers[i].read(r, find(expr, NFTA_EXPR_DATA));
	}
	return false;
}

static bool read_exprs(struct reading *r, const struct nlattr *exprs)
{
	const struct nlattr *expr;

	if (!exprs)
		return false;
	mnl_attr_for_each_nested(expr, exprs)
	{
		if (mnl_attr_get_type(expr) != NFTA_LIST_ELEM || !read_expr(r, expr))
			return false;
	}
	return r->rule.verdict != ND_IPTABLES_NONE;
}

bool nd_iptables_rule_read(const struct nlmsghdr *h, struct nd_iptables_rule *out)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(h);
	struct reading r = { .family = head->nfgen_family };
	const struct nlattr *attr, *exprs = NULL;
	uint64_t handle = 0;

	mnl_attr_for_each(attr, h, sizeof *head)
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_RULE_TABLE: r.rule.table = text_of(attr); break;
		case NFTA_RULE_CHAIN: r.rule.chain = text_of(attr); break;
		case NFTA_RULE_HANDLE:
			if (mnl_attr_get_payload_len(attr) == sizeof handle)
				memcpy(&handle, mnl_attr_get_payload(attr), sizeof handle);
			break;
		case NFTA_RULE_EXPRESSIONS: exprs = attr; break;
		}
	}
	r.rule.handle = be64toh(handle);
	if (!r.rule.table || !r.rule.chain || !read_exprs(&r, exprs))
		return false;
	*out = r.rule;
	return true;
}
