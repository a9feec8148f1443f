/* SPDX-License-Identifier: Apache-2.0 */
#include "node/iptables_rule.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <netinet/in.h>
#include <string.h>
#include "base/err.h"

/* The content of the register that the next comparison uses. */
enum loaded { NOTHING, PROTO, SOURCE, DEST, SOURCE_PORT, DEST_PORT };

struct reading {
	struct nd_iptables_rule rule;
	uint32_t family;
	enum loaded loaded;
};

static uint32_t number(const struct nftnl_expr *e, uint16_t key)
{
	return nftnl_expr_is_set(e, key) ? nftnl_expr_get_u32(e, key) : UINT32_MAX;
}

static bool read_meta(struct reading *r, const struct nftnl_expr *e)
{
	r->loaded = PROTO;
	return number(e, NFTNL_EXPR_META_KEY) == NFT_META_L4PROTO;
}

static bool read_payload(struct reading *r, const struct nftnl_expr *e)
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
		    rows[i].base == number(e, NFTNL_EXPR_PAYLOAD_BASE) &&
		    rows[i].offset == number(e, NFTNL_EXPR_PAYLOAD_OFFSET) &&
		    rows[i].len == number(e, NFTNL_EXPR_PAYLOAD_LEN)) {
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

static bool read_cmp(struct reading *r, const struct nftnl_expr *e)
{
	uint32_t n = 0;
	const void *bytes = nftnl_expr_get(e, NFTNL_EXPR_CMP_DATA, &n);
	enum loaded what = r->loaded;

	r->loaded = NOTHING;
	if (!bytes || !n || number(e, NFTNL_EXPR_CMP_OP) != NFT_CMP_EQ)
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
static bool read_match(struct reading *r, const struct nftnl_expr *e)
{
	uint32_t n = 0;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_MT_NAME);
	const void *info = nftnl_expr_get(e, NFTNL_EXPR_MT_INFO, &n);
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
static bool read_target(struct reading *r, const struct nftnl_expr *e)
{
	uint32_t n = 0;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_TG_NAME);
	const void *info = nftnl_expr_get(e, NFTNL_EXPR_TG_INFO, &n);
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

static bool read_immediate(struct reading *r, const struct nftnl_expr *e)
{
	r->rule.verdict = ND_IPTABLES_ACCEPT;
	return number(e, NFTNL_EXPR_IMM_DREG) == NFT_REG_VERDICT &&
	       number(e, NFTNL_EXPR_IMM_VERDICT) == NF_ACCEPT;
}

static bool read_notrack(struct reading *r, const struct nftnl_expr *e)
{
	(void)e;
	r->rule.verdict = ND_IPTABLES_NOTRACK;
	return true;
}

static bool read_counter(struct reading *r, const struct nftnl_expr *e)
{
	(void)r, (void)e;
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct reading *r, const struct nftnl_expr *e);
} readers[] = {
	{ "meta", read_meta },           { "payload", read_payload }, { "cmp", read_cmp },
	{ "match", read_match },         { "target", read_target },   { "notrack", read_notrack },
	{ "immediate", read_immediate }, { "counter", read_counter },
};

static bool read_expr(struct reading *r, const struct nftnl_expr *e)
{
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);

	for (size_t i = 0; name && i < ND_COUNT(readers); i++) {
		if (strcmp(readers[i].name, name) == 0)
			return readers[i].read(r, e);
	}
	return false;
}

bool nd_iptables_rule_read(const struct nftnl_rule *rule, struct nd_iptables_rule *out)
{
	struct reading r = { .family = nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY) };
	struct nftnl_expr_iter *i = nftnl_expr_iter_create(rule);
	const struct nftnl_expr *e;
	bool ok = i != NULL;

	while (ok && (e = nftnl_expr_iter_next(i)))
		ok = read_expr(&r, e);
	if (i)
		nftnl_expr_iter_destroy(i);
	*out = r.rule;
	return ok && r.rule.verdict != ND_IPTABLES_NONE;
}
