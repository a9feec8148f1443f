/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of each expression; that the kernel accepts them, and how nft lists them, is in
 * nft_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <cmocka.h>

#include "base/err.h"
#include "node/nft_batch.h"
#include "node/nft_expr.h"
#include "support/netns.h"

static struct nd_addr address(const char *text)
{
	struct nd_addr a;

	assert_int_equal(nd_addr_parse_ip(text, 0, &a), 0);
	return a;
}

static void put_addr4(struct nd_nft_expr *e)
{
	struct nd_addr a = address("10.96.0.10");
	nd_nft_expr_addr(e, ND_NFT_TO, &a);
}

static void put_addr4_from(struct nd_nft_expr *e)
{
	struct nd_addr a = address("10.96.0.10");
	nd_nft_expr_addr(e, ND_NFT_FROM, &a);
}

static void put_addr6(struct nd_nft_expr *e)
{
	struct nd_addr a = address("fd00::a");
	nd_nft_expr_addr(e, ND_NFT_TO, &a);
}

static void put_proto(struct nd_nft_expr *e)
{
	nd_nft_expr_proto(e, IPPROTO_TCP);
}

static void put_port(struct nd_nft_expr *e)
{
	nd_nft_expr_port(e, ND_NFT_TO, IPPROTO_UDP, 53);
}

static void put_not_out(struct nd_nft_expr *e)
{
	nd_nft_expr_not_out(e, "lo");
}

static void put_socket(struct nd_nft_expr *e)
{
	nd_nft_expr_socket(e, false);
}

static void put_any_socket(struct nd_nft_expr *e)
{
	nd_nft_expr_socket(e, true);
}

static void put_not_in(struct nd_nft_expr *e)
{
	nd_nft_expr_not_in(e, NFPROTO_IPV4, "ab");
}

static void put_add_to(struct nd_nft_expr *e)
{
	nd_nft_expr_add_to(e, NFPROTO_IPV6, "ab");
}

static void put_match(struct nd_nft_expr *e)
{
	nd_nft_expr_match(e, "udp", "\1\2\3", 3);
}

/* Numbers are in network byte order, those that the kernel compares with its own (addrtype, ct
 * status) in the host's: the bytes below are of a little-endian machine. */
static const struct row {
	const char *name;
	uint8_t family;
	void (*put)(struct nd_nft_expr *e);
	const char *attrs; /* "NAME TYPE=VALUE TYPE={nested} ", for each expression */
	const char *text;
} rows[] = {
	{ "an address of `ip`", NFPROTO_IPV4, put_addr4,
	  "payload 1=00000001 2=00000001 3=00000010 4=00000004 "
	  "cmp 1=00000001 2=00000000 3={1=0a60000a} ",
	  "ip daddr 10.96.0.10 " },
	{ "a source", NFPROTO_IPV4, put_addr4_from,
	  "payload 1=00000001 2=00000001 3=0000000c 4=00000004 "
	  "cmp 1=00000001 2=00000000 3={1=0a60000a} ",
	  "ip saddr 10.96.0.10 " },
	{ "an address of `inet`", NFPROTO_INET, put_addr6,
	  "meta 2=0000000f 1=00000001 "
	  "cmp 1=00000001 2=00000000 3={1=0a} "
	  "payload 1=00000001 2=00000001 3=00000018 4=00000010 "
	  "cmp 1=00000001 2=00000000 3={1=fd00000000000000000000000000000a} ",
	  "ip6 daddr fd00::a " },
	{ "a protocol", NFPROTO_INET, put_proto,
	  "meta 2=00000010 1=00000001 "
	  "cmp 1=00000001 2=00000000 3={1=06} ",
	  "tcp " },
	{ "a port", NFPROTO_INET, put_port,
	  "meta 2=00000010 1=00000001 "
	  "cmp 1=00000001 2=00000000 3={1=11} "
	  "payload 1=00000001 2=00000002 3=00000002 4=00000002 "
	  "cmp 1=00000001 2=00000000 3={1=0035} ",
	  "udp dport 53 " },
	{ "socket", NFPROTO_INET, put_socket,
	  "socket 1=00000002 2=00000001 "
	  "cmp 1=00000001 2=00000000 3={1=00} ",
	  "socket wildcard 0 " },
	{ "any socket", NFPROTO_INET, put_any_socket,
	  "socket 1=00000000 2=00000001 "
	  "cmp 1=00000001 2=00000000 3={1=00} ",
	  "socket transparent 0 " },
	{ "fib", NFPROTO_INET, nd_nft_expr_local,
	  "fib 2=00000003 3=00000002 1=00000001 "
	  "cmp 1=00000001 2=00000000 3={1=02000000} ",
	  "fib daddr type local " },
	{ "ct status", NFPROTO_INET, nd_nft_expr_is_dnat,
	  "ct 2=00000002 1=00000001 "
	  "bitwise 1=00000001 2=00000001 3=00000004 4={1=20000000} 5={1=00000000} "
	  "cmp 1=00000001 2=00000001 3={1=00000000} ",
	  "ct status dnat " },
	{ "oifname", NFPROTO_INET, put_not_out,
	  "meta 2=00000007 1=00000001 "
	  "cmp 1=00000001 2=00000001 3={1=6c6f0000000000000000000000000000} ",
	  "oifname != \"lo\" " },
	{ "notrack", NFPROTO_INET, nd_nft_expr_notrack, "notrack ", "notrack " },
	{ "SYN", NFPROTO_INET, nd_nft_expr_syn,
	  "payload 1=00000001 2=00000002 3=0000000d 4=00000001 "
	  "bitwise 1=00000001 2=00000001 3=00000001 4={1=12} 5={1=00} "
	  "cmp 1=00000001 2=00000000 3={1=02} ",
	  "tcp flags & (syn | ack) == syn " },
	{ "not in a set", NFPROTO_INET, put_not_in,
	  "payload 1=00000001 2=00000001 3=0000000c 4=00000004 "
	  "payload 1=00000009 2=00000002 3=00000000 4=00000002 "
	  "payload 1=0000000a 2=00000001 3=00000010 4=00000004 "
	  "lookup 2=00000001 5=00000001 1=616200 ",
	  "ip saddr . tcp sport . ip daddr != @ab " },
	{ "add to a set", NFPROTO_INET, put_add_to,
	  "payload 1=00000001 2=00000001 3=00000008 4=00000010 "
	  "payload 1=0000000c 2=00000002 3=00000000 4=00000002 "
	  "payload 1=0000000d 2=00000001 3=00000018 4=00000010 "
	  "dynset 4=00000001 3=00000000 1=616200 ",
	  "add @ab { ip6 saddr . tcp sport . ip6 daddr } " },
	{ "masquerade", NFPROTO_INET, nd_nft_expr_masquerade, "masq ", "masquerade " },
	{ "accept", NFPROTO_INET, nd_nft_expr_accept, "immediate 1=00000000 2={2={1=00000001}} ",
	  "accept " },
	{ "counter", NFPROTO_INET, nd_nft_expr_counter,
	  "counter 1=0000000000000000 2=0000000000000000 ", "" },
	{ "match", NFPROTO_INET, put_match, "match 1=75647000 2=00000000 3=0102030000000000 ",
	  "-m udp " },
};

/* Prints the attributes of a list, nested ones in braces. */
static void print(FILE *f, struct nd_nlmsg_list l, const char *between)
{
	struct nd_nlmsg_attr attr;
	const uint8_t *at = l.at;

	for (; nd_nlmsg_next(&l, &attr); at = l.at) {
		bool nested = ((const struct nlattr *)at)->nla_type & NLA_F_NESTED;
		fprintf(f, "%u=%s", attr.type, nested ? "{" : "");
		for (size_t i = 0; !nested && i < attr.n; i++)
			fprintf(f, "%02x", attr.bytes[i]);
		if (nested)
			print(f, nd_nlmsg_inside(attr), "");
		fprintf(f, "%s%s", nested ? "}" : "", between);
	}
	assert_int_equal(l.left, 0);
}

static void print_rule(const struct nd_nft_expr *e, char *out, size_t n)
{
	struct nd_nlmsg_list list = { e->bytes, e->list.len };
	struct nd_nlmsg_attr element;
	FILE *f = fmemopen(out, n, "w");

	assert_non_null(f);
	while (nd_nlmsg_next(&list, &element)) {
		struct nd_nlmsg_list inside = nd_nlmsg_inside(element);
		const char *name = nd_nlmsg_text(nd_nlmsg_find(inside, NFTA_EXPR_NAME));
		assert_int_equal(element.type, NFTA_LIST_ELEM);
		fprintf(f, "%s ", name);
		print(f, nd_nlmsg_inside(nd_nlmsg_find(inside, NFTA_EXPR_DATA)), " ");
	}
	assert_int_equal(list.left, 0);
	fclose(f);
}

static void test_attributes(void **state)
{
	char got[1024];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_nft_expr e;
		nd_nft_expr_init(&e, rows[i].family, "t", "c");
		rows[i].put(&e);
		assert_int_equal(e.list.err, 0);
		print_rule(&e, got, sizeof got);
		if (strcmp(got, rows[i].attrs) != 0 || strcmp(e.text, rows[i].text) != 0)
			fail_msg("%s: \"%s\": %s, not %s", rows[i].name, e.text, got,
				 rows[i].attrs);
	}
}

/* The bytes of one, with all its lengths and types. */
static void test_bytes(void **state)
{
	static const uint8_t want[] = {
		0x30, 0,   1,    0x80, 14, 0, 1, 0,    'i',  'm', 'm',  'e',  'd',
		'i',  'a', 't',  'e',  0,  0, 0, 0x1c, 0,    2,   0x80, /* DATA: the register 0, a
									   verdict */
		8,    0,   1,    0,    0,  0, 0, 0,    0x10, 0,   2,    0x80, 0x0c,
		0,    2,   0x80, 8,    0,  1, 0, 0,    0,    0,   1,
	};
	struct nd_nft_expr e;
	(void)state;

	nd_nft_expr_init(&e, NFPROTO_INET, "t", "c");
	nd_nft_expr_accept(&e);
	assert_int_equal(e.list.len, sizeof want);
	assert_memory_equal(e.bytes, want, sizeof want);
}

/* A rule that is too long fails the batch before anything is sent. */
static void test_too_long(void **state)
{
	struct nd_netlink nl = { .sock.fd = -1 };
	struct nd_diag d = { .set = false };
	struct nd_nft_batch b;
	struct nd_nft_expr e;
	(void)state;

	nd_nft_expr_init(&e, NFPROTO_INET, "t", "c");
	for (int i = 0; i < 100; i++)
		nd_nft_expr_local(&e);
	assert_int_equal(e.list.err, ND_ELIMIT);
	assert_true(strlen(e.text) < sizeof e.text);
	nd_nft_batch_init(&b, &nl, "t");
	nd_nft_batch_rule(&b, &e);
	assert_int_equal(nd_nft_batch_send(&b, "cannot add it", &d), ND_ELIMIT);
	assert_non_null(strstr(d.text, "nftables table t: cannot add it: "));
	nd_nft_batch_clear(&b);
}

/* The kernel refuses one rule of a batch: the error names it, and nothing is changed. */
static void test_names_the_rule(void **state)
{
	static const struct nd_nft_chain chain = { "c", "filter", NF_INET_LOCAL_OUT, 0 };
	struct nd_diag d = { .set = false };
	struct nd_nft_batch b;
	struct nd_netlink nl;
	char out[4096];
	(void)state;

	if (nd_netns_enter())
		skip();
	assert_int_equal(nd_netlink_open(&nl, 12, -1), 0);
	nd_nft_batch_init(&b, &nl, "t");
	nd_nft_batch_table(&b, true);
	nd_nft_batch_chain(&b, &chain);
	for (int i = 0; i < 3; i++) {
		struct nd_nft_expr e;
		nd_nft_expr_init(&e, NFPROTO_INET, "t", "c");
		nd_nft_expr_port(&e, ND_NFT_TO, IPPROTO_UDP, (uint16_t)(50 + i));
		if (i == 1)
			nd_nft_expr_masquerade(&e); /* only in nat chains */
		nd_nft_expr_notrack(&e);
		nd_nft_batch_rule(&b, &e);
	}
	assert_int_equal(nd_nft_batch_send(&b, "cannot install the rules", &d), -EOPNOTSUPP);
	if (!strstr(d.text, "cannot install the rules: rule udp dport 51 masquerade notrack: "))
		fail_msg("%s", d.text);
	nd_nft_batch_clear(&b);
	nd_netlink_close(&nl);
	nd_netns_run("nft list ruleset", out, sizeof out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_attributes),
					    cmocka_unit_test(test_bytes),
					    cmocka_unit_test(test_too_long),
					    cmocka_unit_test(test_names_the_rule) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
