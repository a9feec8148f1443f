/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nft_expr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/expr.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

void nd_nft_expr_init(struct nd_nft_expr *e, int family, const char *table, const char *chain)
{
	*e = (struct nd_nft_expr){ .rule = nftnl_rule_alloc(), .family = family };
	if (!e->rule) {
		e->err = -ENOMEM;
		return;
	}
	nftnl_rule_set_u32(e->rule, NFTNL_RULE_FAMILY, (uint32_t)family);
	if (nftnl_rule_set_str(e->rule, NFTNL_RULE_TABLE, table) < 0 ||
	    nftnl_rule_set_str(e->rule, NFTNL_RULE_CHAIN, chain) < 0)
		e->err = -ENOMEM;
}

void nd_nft_expr_clear(struct nd_nft_expr *e)
{
	if (e->rule)
		nftnl_rule_free(e->rule);
	e->rule = NULL;
}

/* A numeric field. No expression has a field 0: it ends a list. */
struct field {
	uint16_t key;
	uint32_t value;
};

/* Appends an expression to the rule, or returns NULL. */
static struct nftnl_expr *add(struct nd_nft_expr *e, const char *name, const struct field *f)
{
	struct nftnl_expr *x = e->err ? NULL : nftnl_expr_alloc(name);

	if (!x) {
		e->err = e->err ? e->err : -ENOMEM;
		return NULL;
	}
	nftnl_rule_add_expr(e->rule, x);
	for (; f->key; f++)
		nftnl_expr_set_u32(x, f->key, f->value);
	return x;
}

static void set_bytes(struct nd_nft_expr *e, struct nftnl_expr *x, uint16_t key, const void *bytes,
		      size_t n)
{
	if (x && nftnl_expr_set(x, key, bytes, (uint32_t)n) < 0)
		e->err = -ENOMEM;
}

static void load_meta(struct nd_nft_expr *e, uint32_t key)
{
	const struct field f[] = { { NFTNL_EXPR_META_KEY, key },
				   { NFTNL_EXPR_META_DREG, NFT_REG_1 },
				   { 0 } };

	add(e, "meta", f);
}

static void load_payload(struct nd_nft_expr *e, uint32_t base, uint32_t offset, size_t n)
{
	const struct field f[] = { { NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1 },
				   { NFTNL_EXPR_PAYLOAD_BASE, base },
				   { NFTNL_EXPR_PAYLOAD_OFFSET, offset },
				   { NFTNL_EXPR_PAYLOAD_LEN, (uint32_t)n },
				   { 0 } };

	add(e, "payload", f);
}

static void compare(struct nd_nft_expr *e, uint32_t op, const void *bytes, size_t n)
{
	const struct field f[] = { { NFTNL_EXPR_CMP_SREG, NFT_REG_1 },
				   { NFTNL_EXPR_CMP_OP, op },
				   { 0 } };

	set_bytes(e, add(e, "cmp", f), NFTNL_EXPR_CMP_DATA, bytes, n);
}

void nd_nft_expr_addr(struct nd_nft_expr *e, enum nd_nft_end end, const struct nd_addr *a)
{
	size_t n;
	const uint8_t *bytes = nd_addr_bytes(a, &n);
	uint8_t family = n == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	uint32_t source = n == 4 ? 12 : 8; /* offset in the IP header; the destination follows */

	if (e->family == NFPROTO_INET) {
		load_meta(e, NFT_META_NFPROTO);
		compare(e, NFT_CMP_EQ, &family, sizeof family);
	}
	load_payload(e, NFT_PAYLOAD_NETWORK_HEADER, source + (end == ND_NFT_TO ? (uint32_t)n : 0),
		     n);
	compare(e, NFT_CMP_EQ, bytes, n);
}

void nd_nft_expr_proto(struct nd_nft_expr *e, uint8_t proto)
{
	load_meta(e, NFT_META_L4PROTO);
	compare(e, NFT_CMP_EQ, &proto, sizeof proto);
}

void nd_nft_expr_port(struct nd_nft_expr *e, enum nd_nft_end end, uint8_t proto, uint16_t port)
{
	uint16_t wire = htons(port);

	nd_nft_expr_proto(e, proto);
	load_payload(e, NFT_PAYLOAD_TRANSPORT_HEADER, end == ND_NFT_TO ? 2 : 0, sizeof wire);
	compare(e, NFT_CMP_EQ, &wire, sizeof wire);
}

void nd_nft_expr_socket(struct nd_nft_expr *e)
{
	static const struct field f[] = { { NFTNL_EXPR_SOCKET_KEY, NFT_SOCKET_WILDCARD },
					  { NFTNL_EXPR_SOCKET_DREG, NFT_REG_1 },
					  { 0 } };
	uint8_t no = 0;

	add(e, "socket", f);
	compare(e, NFT_CMP_EQ, &no, sizeof no);
}

void nd_nft_expr_local(struct nd_nft_expr *e)
{
	static const struct field f[] = { { NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE },
					  { NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR },
					  { NFTNL_EXPR_FIB_DREG, NFT_REG_1 },
					  { 0 } };
	uint32_t local = RTN_LOCAL;

	add(e, "fib", f);
	compare(e, NFT_CMP_EQ, &local, sizeof local);
}

void nd_nft_expr_is_dnat(struct nd_nft_expr *e)
{
	static const struct field load[] = { { NFTNL_EXPR_CT_KEY, NFT_CT_STATUS },
					     { NFTNL_EXPR_CT_DREG, NFT_REG_1 },
					     { 0 } };
	static const struct field and[] = { { NFTNL_EXPR_BITWISE_SREG, NFT_REG_1 },
					    { NFTNL_EXPR_BITWISE_DREG, NFT_REG_1 },
					    { NFTNL_EXPR_BITWISE_LEN, sizeof(uint32_t) },
					    { 0 } };
	uint32_t mask = IPS_DST_NAT, zero = 0;

	add(e, "ct", load);
	struct nftnl_expr *x = add(e, "bitwise", and);
	set_bytes(e, x, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof mask);
	set_bytes(e, x, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof zero);
	compare(e, NFT_CMP_NEQ, &zero, sizeof zero);
}

void nd_nft_expr_not_out(struct nd_nft_expr *e, const char *name)
{
	char whole[IFNAMSIZ] = { 0 };

	strncpy(whole, name, sizeof whole - 1);
	load_meta(e, NFT_META_OIFNAME);
	compare(e, NFT_CMP_NEQ, whole, sizeof whole);
}

void nd_nft_expr_notrack(struct nd_nft_expr *e)
{
	add(e, "notrack", (struct field[]){ { 0 } });
}

void nd_nft_expr_dnat(struct nd_nft_expr *e, const struct nd_addr *to)
{
	size_t n;
	const uint8_t *bytes = nd_addr_bytes(to, &n);
	const struct field load[] = { { NFTNL_EXPR_IMM_DREG, NFT_REG_1 }, { 0 } };
	const struct field nat[] = { { NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT },
				     { NFTNL_EXPR_NAT_FAMILY,
				       n == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6 },
				     { NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1 },
				     { 0 } };

	set_bytes(e, add(e, "immediate", load), NFTNL_EXPR_IMM_DATA, bytes, n);
	add(e, "nat", nat);
}

void nd_nft_expr_masquerade(struct nd_nft_expr *e)
{
	add(e, "masq", (struct field[]){ { 0 } });
}

void nd_nft_expr_accept(struct nd_nft_expr *e)
{
	static const struct field f[] = { { NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT },
					  { NFTNL_EXPR_IMM_VERDICT, NF_ACCEPT },
					  { 0 } };

	add(e, "immediate", f);
}

void nd_nft_expr_counter(struct nd_nft_expr *e)
{
	struct nftnl_expr *x = add(e, "counter", (struct field[]){ { 0 } });

	if (x) {
		nftnl_expr_set_u64(x, NFTNL_EXPR_CTR_PACKETS, 0);
		nftnl_expr_set_u64(x, NFTNL_EXPR_CTR_BYTES, 0);
	}
}

void nd_nft_expr_match(struct nd_nft_expr *e, const char *name, const void *info, size_t n)
{
	struct nftnl_expr *x = add(e, "match", (struct field[]){ { 0 } });
	size_t whole = XT_ALIGN(n);
	void *copy = x ? calloc(1, whole) : NULL;

	if (!copy) {
		e->err = e->err ? e->err : -ENOMEM;
		return;
	}
	memcpy(copy, info, n);
	nftnl_expr_set_u32(x, NFTNL_EXPR_MT_REV, 0);
	set_bytes(e, x, NFTNL_EXPR_MT_NAME, name, strlen(name) + 1);
	set_bytes(e, x, NFTNL_EXPR_MT_INFO, copy, whole); /* owned by the expression from here on */
}
