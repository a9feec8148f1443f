/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nft_expr.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"

enum { MATCH_MAX = 512 };

void nd_nft_expr_init(struct nd_nft_expr *e, uint8_t family, const char *table, const char *chain)
{
	*e = (struct nd_nft_expr){ .table = table, .chain = chain, .family = family };
	nd_nlmsg_init(&e->list, e->bytes, sizeof e->bytes);
}

/* Adds words and a space to the rule's text. */
__attribute__((format(printf, 2, 3))) static void say(struct nd_nft_expr *e, const char *format,
						      ...)
{
	size_t n = strlen(e->text);
	va_list args;

	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	vsnprintf(e->text + n, sizeof e->text - n, format, args);
	va_end(args);
}

/* A numeric attribute of an expression; 0, which no attribute has, ends a list of them. */
struct field {
	uint16_t key;
	uint32_t value;
};

/* Where an expression begins, and its attributes: what close_expr() closes. */
struct place {
	size_t element, data;
};

/* Begins an expression; the caller may add attributes to it. */
static struct place open_expr(struct nd_nft_expr *e, const char *name, const struct field *f)
{
	struct place p = { .element = nd_nlmsg_open(&e->list, NFTA_LIST_ELEM) };

	nd_nlmsg_put_text(&e->list, NFTA_EXPR_NAME, name);
	p.data = nd_nlmsg_open(&e->list, NFTA_EXPR_DATA);
	for (; f && f->key; f++)
		nd_nlmsg_put_be32(&e->list, f->key, f->value);
	return p;
}

static void close_expr(struct nd_nft_expr *e, struct place p)
{
	nd_nlmsg_close(&e->list, p.data);
	nd_nlmsg_close(&e->list, p.element);
}

static void add(struct nd_nft_expr *e, const char *name, const struct field *f)
{
	close_expr(e, open_expr(e, name, f));
}

/* A constant: an attribute with the bytes inside. */
static void put_data(struct nd_nft_expr *e, uint16_t key, const void *bytes, size_t n)
{
	size_t at = nd_nlmsg_open(&e->list, key);

	nd_nlmsg_put(&e->list, NFTA_DATA_VALUE, bytes, n);
	nd_nlmsg_close(&e->list, at);
}

static void load_meta(struct nd_nft_expr *e, uint32_t key)
{
	add(e, "meta",
	    (const struct field[]){ { NFTA_META_KEY, key }, { NFTA_META_DREG, NFT_REG_1 }, { 0 } });
}

static void load_payload(struct nd_nft_expr *e, uint32_t to, uint32_t base, uint32_t offset,
			 size_t n)
{
	add(e, "payload",
	    (const struct field[]){ { NFTA_PAYLOAD_DREG, to },
				    { NFTA_PAYLOAD_BASE, base },
				    { NFTA_PAYLOAD_OFFSET, offset },
				    { NFTA_PAYLOAD_LEN, (uint32_t)n },
				    { 0 } });
}

static void compare(struct nd_nft_expr *e, uint32_t op, const void *bytes, size_t n)
{
	struct place p = open_expr(e, "cmp",
				   (const struct field[]){ { NFTA_CMP_SREG, NFT_REG_1 },
							   { NFTA_CMP_OP, op },
							   { 0 } });

	put_data(e, NFTA_CMP_DATA, bytes, n);
	close_expr(e, p);
}

/* The register AND `mask`; zero: as many zero bytes. */
static void mask_register(struct nd_nft_expr *e, const void *mask, const void *zero, size_t n)
{
	struct place p = open_expr(e, "bitwise",
				   (const struct field[]){ { NFTA_BITWISE_SREG, NFT_REG_1 },
							   { NFTA_BITWISE_DREG, NFT_REG_1 },
							   { NFTA_BITWISE_LEN, (uint32_t)n },
							   { 0 } });

	put_data(e, NFTA_BITWISE_MASK, mask, n);
	put_data(e, NFTA_BITWISE_XOR, zero, n);
	close_expr(e, p);
}

void nd_nft_expr_addr(struct nd_nft_expr *e, enum nd_nft_end end, const struct nd_addr *a)
{
	char text[ND_ADDR_TEXT_MAX];
	size_t n;
	const uint8_t *bytes = nd_addr_bytes(a, &n);
	uint8_t family = n == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	uint32_t source = n == 4 ? 12 : 8; /* offset in the IP header; the destination follows */

	if (e->family == NFPROTO_INET) {
		load_meta(e, NFT_META_NFPROTO);
		compare(e, NFT_CMP_EQ, &family, sizeof family);
	}
	load_payload(e, NFT_REG_1, NFT_PAYLOAD_NETWORK_HEADER,
		     source + (end == ND_NFT_TO ? (uint32_t)n : 0), n);
	compare(e, NFT_CMP_EQ, bytes, n);
	nd_addr_format_ip(a, text);
	say(e, "%s %s %s ", n == 4 ? "ip" : "ip6", end == ND_NFT_TO ? "daddr" : "saddr", text);
}

void nd_nft_expr_proto(struct nd_nft_expr *e, uint8_t proto)
{
	load_meta(e, NFT_META_L4PROTO);
	compare(e, NFT_CMP_EQ, &proto, sizeof proto);
	say(e, "%s ", proto == IPPROTO_TCP ? "tcp" : "udp");
}

void nd_nft_expr_port(struct nd_nft_expr *e, enum nd_nft_end end, uint8_t proto, uint16_t port)
{
	uint16_t wire = htons(port);

	nd_nft_expr_proto(e, proto);
	load_payload(e, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, end == ND_NFT_TO ? 2 : 0,
		     sizeof wire);
	compare(e, NFT_CMP_EQ, &wire, sizeof wire);
	say(e, "%s %u ", end == ND_NFT_TO ? "dport" : "sport", port);
}

void nd_nft_expr_socket(struct nd_nft_expr *e, bool any)
{
	const uint32_t key = any ? NFT_SOCKET_TRANSPARENT : NFT_SOCKET_WILDCARD;
	const struct field f[] = { { NFTA_SOCKET_KEY, key },
				   { NFTA_SOCKET_DREG, NFT_REG_1 },
				   { 0 } };
	const uint8_t no = 0;

	add(e, "socket", f);
	compare(e, NFT_CMP_EQ, &no, sizeof no);
	say(e, "socket %s 0 ", any ? "transparent" : "wildcard");
}

void nd_nft_expr_local(struct nd_nft_expr *e)
{
	const uint32_t local = RTN_LOCAL;

	add(e, "fib",
	    (const struct field[]){ { NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE },
				    { NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR },
				    { NFTA_FIB_DREG, NFT_REG_1 },
				    { 0 } });
	compare(e, NFT_CMP_EQ, &local, sizeof local);
	say(e, "fib daddr type local ");
}

void nd_nft_expr_is_dnat(struct nd_nft_expr *e)
{
	const uint32_t mask = IPS_DST_NAT, zero = 0;

	add(e, "ct",
	    (const struct field[]){
		    { NFTA_CT_KEY, NFT_CT_STATUS }, { NFTA_CT_DREG, NFT_REG_1 }, { 0 } });
	mask_register(e, &mask, &zero, sizeof mask);
	compare(e, NFT_CMP_NEQ, &zero, sizeof zero);
	say(e, "ct status dnat ");
}

void nd_nft_expr_not_out(struct nd_nft_expr *e, const char *name)
{
	char whole[IFNAMSIZ] = { 0 };

	strncpy(whole, name, sizeof whole - 1);
	load_meta(e, NFT_META_OIFNAME);
	compare(e, NFT_CMP_NEQ, whole, sizeof whole);
	say(e, "oifname != \"%s\" ", whole);
}

void nd_nft_expr_notrack(struct nd_nft_expr *e)
{
	add(e, "notrack", NULL);
	say(e, "notrack ");
}

/* Loads source address, source port and destination address, in sequence: 12 or 36 bytes. */
static void load_flow(struct nd_nft_expr *e, uint8_t family)
{
	bool four = family == NFPROTO_IPV4;
	uint32_t n = four ? 4 : 16, source = four ? 12 : 8;

	load_payload(e, NFT_REG_1, NFT_PAYLOAD_NETWORK_HEADER, source, n);
	load_payload(e, NFT_REG32_00 + n / 4, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2);
	load_payload(e, NFT_REG32_00 + n / 4 + 1, NFT_PAYLOAD_NETWORK_HEADER, source + n, n);
}

static const char *flow_text(uint8_t family)
{
	return family == NFPROTO_IPV4 ? "ip saddr . tcp sport . ip daddr"
				      : "ip6 saddr . tcp sport . ip6 daddr";
}

void nd_nft_expr_not_in(struct nd_nft_expr *e, uint8_t family, const char *set)
{
	load_flow(e, family);
	struct place p = open_expr(e, "lookup",
				   (const struct field[]){ { NFTA_LOOKUP_SREG, NFT_REG_1 },
							   { NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV },
							   { 0 } });
	nd_nlmsg_put_text(&e->list, NFTA_LOOKUP_SET, set);
	close_expr(e, p);
	say(e, "%s != @%s ", flow_text(family), set);
}

void nd_nft_expr_add_to(struct nd_nft_expr *e, uint8_t family, const char *set)
{
	load_flow(e, family);
	struct place p = open_expr(e, "dynset",
				   (const struct field[]){ { NFTA_DYNSET_SREG_KEY, NFT_REG_1 },
							   { 0 } });
	nd_nlmsg_put_be32(&e->list, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
	nd_nlmsg_put_text(&e->list, NFTA_DYNSET_SET_NAME, set);
	close_expr(e, p);
	say(e, "add @%s { %s } ", set, flow_text(family));
}

void nd_nft_expr_syn(struct nd_nft_expr *e)
{
	const uint8_t mask = TH_SYN | TH_ACK, zero = 0, syn = TH_SYN;

	load_payload(e, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1);
	mask_register(e, &mask, &zero, sizeof mask);
	compare(e, NFT_CMP_EQ, &syn, sizeof syn);
	say(e, "tcp flags & (syn | ack) == syn ");
}

void nd_nft_expr_masquerade(struct nd_nft_expr *e)
{
	add(e, "masq", NULL);
	say(e, "masquerade ");
}

void nd_nft_expr_accept(struct nd_nft_expr *e)
{
	struct place p = open_expr(e, "immediate",
				   (const struct field[]){ { NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT },
							   { 0 } });
	size_t data = nd_nlmsg_open(&e->list, NFTA_IMMEDIATE_DATA);
	size_t verdict = nd_nlmsg_open(&e->list, NFTA_DATA_VERDICT);

	nd_nlmsg_put_be32(&e->list, NFTA_VERDICT_CODE, NF_ACCEPT);
	nd_nlmsg_close(&e->list, verdict);
	nd_nlmsg_close(&e->list, data);
	close_expr(e, p);
	say(e, "accept ");
}

void nd_nft_expr_counter(struct nd_nft_expr *e)
{
	struct place p = open_expr(e, "counter", NULL);

	nd_nlmsg_put_be64(&e->list, NFTA_COUNTER_BYTES, 0);
	nd_nlmsg_put_be64(&e->list, NFTA_COUNTER_PACKETS, 0);
	close_expr(e, p);
}

void nd_nft_expr_match(struct nd_nft_expr *e, const char *name, const void *info, size_t n)
{
	uint8_t whole[MATCH_MAX] = { 0 };

	ND_ASSERT(XT_ALIGN(n) <= sizeof whole);
	memcpy(whole, info, n);
	struct place p = open_expr(e, "match", NULL);
	nd_nlmsg_put_text(&e->list, NFTA_MATCH_NAME, name);
	nd_nlmsg_put_be32(&e->list, NFTA_MATCH_REV, 0);
	nd_nlmsg_put(&e->list, NFTA_MATCH_INFO, whole, XT_ALIGN(n));
	close_expr(e, p);
	say(e, "-m %s ", name);
}
