/* SPDX-License-Identifier: Apache-2.0 */
/* Which answers are translated, and what becomes of them. A plugin of this test answers the
 * lookups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "plugin/dns64/synthesis.h"
#include "support/rig.h"
#include "wire/rr.h"

extern const struct nd_plugin nd_plugin_dns64;

/* How the plugin answers: to AAAA and to A. */
enum way { EMPTY, SOA, NXDOMAIN, ALIAS_NXDOMAIN, SERVFAIL, FAIL, DROP, ADDRESS, MANY, LOOP };

static enum way to_aaaa, to_a;
static bool waits;
static unsigned asked_aaaa, asked_a, above_a, deepest;
static struct nd_query_ref waiting;

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static void add_many(struct nd_query *q)
{
	for (uint32_t i = 0; i < 4096; i++)
		nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_A, 900,
			      (const uint8_t[]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i }, 4);
}

static void add_soa(struct nd_query *q)
{
	static const uint8_t soa[] = "\2ns\0\1h\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";

	nd_answer_rr(q, ND_SECTION_AUTHORITY, nd_name_root, ND_TYPE_SOA, ND_CLASS_IN, 30, soa,
		     sizeof soa - 1);
}

static enum nd_verdict answer(struct nd_query *q, enum way way)
{
	static const uint8_t aaaa[16] = { 0x20, 1, 0x0d, 0xb8 };
	bool a = q->msg.qtype == ND_TYPE_A;

	q->ans.flags |= ND_FLAG_AA;
	switch (way) {
	case EMPTY: break;
	case SOA: add_soa(q); break;
	case ALIAS_NXDOMAIN:
		nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_CNAME, 5, "\1y", 3);
		/* fall through */
	case NXDOMAIN:
		q->rcode = ND_RCODE_NXDOMAIN;
		add_soa(q);
		break;
	case SERVFAIL: q->rcode = ND_RCODE_SERVFAIL; break;
	case FAIL: return nd_query_fail(q, ND_RCODE_SERVFAIL, "broken");
	case DROP: return ND_DROP;
	case ADDRESS:
		nd_answer_add(q, ND_SECTION_ANSWER, q->msg.qtype, 900,
			      a ? (const uint8_t *)"\xc0\0\2\x21" : aaaa, a ? 4 : 16);
		break;
	case MANY: add_many(q); break;
	case LOOP: /* asks for the same name again, as a CNAME to itself does */
		nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_CNAME, 5, q->msg.qname.wire,
			      q->msg.qname.len);
		return nd_query_chase(q, q->msg.qname);
	}
	return ND_DONE;
}

static enum nd_verdict below_query(const void *self, struct nd_query *q)
{
	bool a = q->msg.qtype == ND_TYPE_A;

	(void)self;
	*(a ? &asked_a : &asked_aaaa) += 1;
	deepest = q->depth > deepest ? q->depth : deepest;
	enum nd_verdict v = answer(q, a ? to_a : to_aaaa);
	if (!waits || v != ND_DONE)
		return v;
	waiting = nd_query_park(q);
	return ND_WAIT;
}

/* Before dns64 in the chain: the lookup for A passes it, too. */
static enum nd_verdict above_query(const void *self, struct nd_query *q)
{
	(void)self;
	above_a += q->msg.qtype == ND_TYPE_A;
	return ND_NEXT;
}

static const struct nd_plugin above = { .name = "above", .setup = no_setup, .query = above_query };
static const struct nd_plugin below = { .name = "below", .setup = no_setup, .query = below_query };
const struct nd_plugin *const nd_plugins[] = { &above, &nd_plugin_dns64, &below, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void serve(const char *options)
{
	char text[512];

	snprintf(text, sizeof text, ".:1053 {\n above\n dns64 %s\n below\n}\n", options);
	if (rig.gen)
		nd_rig_reload(&rig, text);
	else
		nd_rig_open(&rig, text);
	assert_int_equal(nd_addr_parse_ip("2001:db8::1", 4000, &rig.peer), 0);
}

static int no_rig(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof rig);
	waits = false;
	return 0;
}

/* False: no reply. */
static bool ask(enum way aaaa, enum way a, uint16_t edns)
{
	unsigned before = rig.replies;

	to_aaaa = aaaa;
	to_a = a;
	asked_a = asked_aaaa = above_a = deepest = 0;
	nd_rig_ask(&rig, "X.test.", ND_TYPE_AAAA, ND_FLAG_RD, edns);
	for (int i = 0; i < 8 && waits && rig.replies == before; i++)
		nd_chain_resume(waiting, ND_DONE);
	return rig.replies != before;
}

#define MADE "; AN x.test. 600 AAAA 64:ff9b::c000:221"
#define AN_SOA "; NS . 30 SOA ns. h. 1 2 3 4 5"

/* Each row with answers at once, and with answers that wait. */
static void test_translated(void **state)
{
	static const struct {
		const char *options;
		enum way aaaa, a;
		const char *reply; /* NULL: none */
		bool a_asked;
	} rows[] = {
		{ "", EMPTY, ADDRESS, "NOERROR" MADE, true },
		{ "", SOA, ADDRESS, "NOERROR; AN x.test. 30 AAAA 64:ff9b::c000:221", true },
		{ "", SERVFAIL, ADDRESS, "NOERROR" MADE, true },
		{ "", NXDOMAIN, ADDRESS, "NXDOMAIN aa" AN_SOA, false },
		{ "", ALIAS_NXDOMAIN, ADDRESS, "NOERROR; AN x.test. 30 AAAA 64:ff9b::c000:221",
		  true },
		{ "", FAIL, ADDRESS, "SERVFAIL", false },
		{ "", DROP, ADDRESS, NULL, false },
		{ "", ADDRESS, ADDRESS, "NOERROR aa; AN X.test. 900 AAAA 2001:db8::", false },
		{ "", EMPTY, SOA, "NOERROR" AN_SOA, true },
		{ "", EMPTY, ALIAS_NXDOMAIN, "NXDOMAIN; AN x.test. 5 CNAME y." AN_SOA, true },
		{ "", EMPTY, SERVFAIL, "SERVFAIL", true },
		{ "", EMPTY, FAIL, "SERVFAIL", true },
		{ "", EMPTY, DROP, "SERVFAIL", true },
		{ "{\n translate_all\n }", ADDRESS, ADDRESS, "NOERROR" MADE, true },
		{ "{\n translate_all\n }", NXDOMAIN, ADDRESS, "NXDOMAIN aa" AN_SOA, false },
	};
	(void)state;

	for (int w = 0; w < 2; w++)
		for (size_t i = 0; i < ND_COUNT(rows); i++) {
			serve(rows[i].options);
			waits = w;
			bool replied = ask(rows[i].aaaa, rows[i].a, 0);
			if (replied != (rows[i].reply != NULL))
				fail_msg("row %zu: a reply: %d", i, replied);
			if (replied && strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
				fail_msg("row %zu: %s", i, rig.text);
			assert_int_equal(asked_aaaa, 1);
			assert_int_equal(asked_a, rows[i].a_asked);
			assert_int_equal(above_a, rows[i].a_asked);
			assert_int_equal(rig.worker.nparked, 0);
		}
}

static void test_clients(void **state)
{
	static const struct {
		const char *options, *client;
		bool translated;
	} rows[] = {
		{ "", "::1", true },
		{ "", "127.0.0.1", false },
		{ "", "::ffff:127.0.0.1", false },
		{ "{\n allow_ipv4\n }", "127.0.0.1", true },
		{ "{\n allow_ipv4\n }", "::1", true },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		serve(rows[i].options);
		assert_int_equal(nd_addr_parse_ip(rows[i].client, 4000, &rig.peer), 0);
		assert_true(ask(EMPTY, ADDRESS, 0));
		assert_int_equal(asked_a, rows[i].translated);
	}
	to_a = ADDRESS; /* other types, classes and opcodes */
	asked_a = asked_aaaa = 0;
	nd_rig_ask(&rig, "x.test.", ND_TYPE_A, 0, 0);
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN x.test. 900 A 192.0.2.33");
	nd_rig_ask(&rig, "x.test.", ND_TYPE_AAAA, ND_OPCODE_NOTIFY << 11, 0);
	assert_int_equal(asked_a, 1);
	assert_int_equal(asked_aaaa, 1);
}

/* RFC 6052 s2.4. */
static void test_addresses(void **state)
{
	static const struct {
		const char *prefix, *address;
	} rows[] = {
		{ "2001:db8::/32", "2001:db8:c000:221::" },
		{ "2001:db8:100::/40", "2001:db8:1c0:2:21::" },
		{ "2001:db8:122::/48", "2001:db8:122:c000:2:2100::" },
		{ "2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::" },
		{ "2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0" },
		{ "2001:db8:122:344::9/96", "2001:db8:122:344::c000:221" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_synthesis_prefix p;
		uint8_t made[16];
		char text[ND_ADDR_TEXT_MAX];

		assert_int_equal(nd_synthesis_parse_prefix(rows[i].prefix, &p), 0);
		nd_synthesis_address(&p, (const uint8_t[]){ 192, 0, 2, 33 }, made);
		struct nd_addr a = nd_addr_from(AF_INET6, made, 0);
		nd_addr_format_ip(&a, text);
		assert_string_equal(text, rows[i].address);
	}
}

/* Records of the last reply; all have to be AAAA. */
static unsigned count_made(void)
{
	struct nd_rr rr;
	unsigned n = 0;

	for (; nd_rig_record(&rig, n, &rr) && rr.type == ND_TYPE_AAAA; n++)
		assert_int_equal(rr.ttl, 600);
	return n;
}

/* An upstream answers with 4,096 addresses: whole records up to the client's limit, with TC. */
static void test_many_records(void **state)
{
	uint8_t bytes[512];
	(void)state;

	serve("");
	assert_true(ask(EMPTY, MANY, 0));
	assert_int_equal(count_made(), (512 - 12 - 12) / 28);
	assert_true(rig.msg.flags & ND_FLAG_TC);
	assert_in_range(rig.len, 512 - 28, 512);

	size_t n = nd_rig_question(bytes, "x.test.", ND_TYPE_AAAA, 0, 1232);
	assert_true(nd_rig_send(&rig, bytes, n, ND_PROTO_TCP));
	assert_int_equal(count_made(), (65535 - 12 - 12 - 11) / 28);
	assert_true(rig.msg.flags & ND_FLAG_TC);
}

/* Lookups for AAAA and for A that never end, each at every level: their number is bounded. */
static void test_loop(void **state)
{
	(void)state;

	serve("");
	assert_true(ask(LOOP, LOOP, 1232));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NOERROR);
	/* One more at the last level, where nothing is translated. */
	assert_int_equal(asked_aaaa, ND_QUERY_DEPTH_MAX / 2 + 1);
	assert_in_range(asked_a, 2, (unsigned)ND_QUERY_DEPTH_MAX * ND_QUERY_DEPTH_MAX);
	assert_int_equal(deepest, ND_QUERY_DEPTH_MAX);
	assert_int_equal(rig.worker.nparked, 0);
	/* A loop of AAAA only: its deepest lookup is translated, once. */
	assert_true(ask(LOOP, ADDRESS, 1232));
	assert_int_equal(asked_a, 1);
	assert_non_null(strstr(nd_rig_text(&rig), "600 AAAA 64:ff9b::c000:221"));
}

/* The client's query ends while a lookup waits: the late answer is of no use. */
static void test_cancelled(void **state)
{
	(void)state;

	serve("");
	waits = true;
	to_aaaa = EMPTY;
	to_a = ADDRESS;
	nd_rig_ask(&rig, "x.test.", ND_TYPE_AAAA, 0, 0);
	nd_chain_resume(waiting, ND_DONE); /* now A is looked up */
	assert_int_equal(rig.worker.nparked, 2);
	struct nd_query_ref late = waiting;
	nd_origin_drop(&rig.origin);
	assert_int_equal(rig.worker.nparked, 0);
	nd_chain_resume(late, ND_DONE);
	assert_int_equal(rig.replies, 0);
}

static void expect_count(const char *line, bool there)
{
	const char *page = nd_rig_metrics(&rig);

	if ((strstr(page, line) != NULL) != there)
		fail_msg("%s: %s in\n%s", line, there ? "absent" : "unexpected", page);
}

/* Blocks of one listener with the plugin do not count each other's queries. */
static void test_metric(void **state)
{
	static const char text[] = ".:1053 {\n dns64\n below\n}\nb.test:1053 {\n dns64\n below\n}\n";
	static const char family[] = "coredns_dns64_requests_translated_total";
	char line[128];
	(void)state;

	nd_rig_open(&rig, text);
	assert_int_equal(nd_addr_parse_ip("::1", 4000, &rig.peer), 0);
	ask(ADDRESS, ADDRESS, 0);
	ask(NXDOMAIN, ADDRESS, 0);
	ask(EMPTY, DROP, 0);
	expect_count(family, false);
	ask(EMPTY, ADDRESS, 0);
	ask(EMPTY, SERVFAIL, 0);
	to_a = ADDRESS;
	nd_rig_ask(&rig, "x.b.test.", ND_TYPE_AAAA, 0, 0);
	snprintf(line, sizeof line, "%s{server=\"dns://:1053\"} 3\n", family);
	expect_count(line, true);
	nd_rig_reload(&rig, text);
	assert_int_equal(nd_addr_parse_ip("::1", 4000, &rig.peer), 0);
	ask(EMPTY, ADDRESS, 0);
	snprintf(line, sizeof line, "%s{server=\"dns://:1053\"} 4\n", family);
	expect_count(line, true);
}

static void test_prefix_and_block(void **state)
{
	(void)state;

	serve("64:1337::/96 {\n prefix 64:1338::/96\n translate_all\n }");
	assert_non_null(strstr(nd_rig_log(&rig),
			       "[WARNING] plugin/dns64: Corefile:5: \"translate_all\" has no "
			       "effect after a prefix"));
	assert_true(ask(EMPTY, ADDRESS, 0));
	assert_string_equal(nd_rig_text(&rig), "NOERROR; AN x.test. 600 AAAA 64:1338::c000:221");
	assert_true(ask(ADDRESS, ADDRESS, 0));
	assert_int_equal(asked_a, 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *directive, *message;
	} rows[] = {
		{ "dns64 64:ff9b::/95",
		  "Corefile:2 - plugin/dns64: invalid prefix \"64:ff9b::/95\": must be an IPv6 "
		  "prefix of 32, 40, 48, 56, 64 or 96 bits" },
		{ "dns64 64:ff9b::", "invalid prefix \"64:ff9b::\"" },
		{ "dns64 10.0.0.0/32", "invalid prefix \"10.0.0.0/32\"" },
		{ "dns64 64:ff9b::/96 b", "unexpected \"b\"" },
		{ "dns64 {\n nat\n }", "Corefile:3 - plugin/dns64: unknown property \"nat\"" },
		{ "dns64 {\n translate_all nat\n }",
		  "Corefile:3 - plugin/dns64: invalid option \"nat\": must be prefix, "
		  "translate_all or allow_ipv4" },
		{ "dns64 {\n allow_ipv4 prefix\n }", "\"prefix\" takes 1 argument, 0 given" },
		{ "dns64 {\n prefix ::/33\n }",
		  "Corefile:3 - plugin/dns64: invalid prefix \"::/33\"" },
		{ "dns64 {\n translate_all {\n }\n }", "\"translate_all\" takes no block" },
		{ "dns64 ::/32 {\n allow_ipv4 x\n }", "Corefile:3 - plugin/dns64: invalid prefix "
						      "\"x\"" },
	};
	(void)state;

	serve("");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[256];
		snprintf(text, sizeof text, ".:1053 {\n %s\n below\n}\n", rows[i].directive);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].directive, message);
	}
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, no_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_translated),
		RIG(test_clients),
		cmocka_unit_test(test_addresses),
		RIG(test_many_records),
		RIG(test_loop),
		RIG(test_cancelled),
		RIG(test_metric),
		RIG(test_prefix_and_block),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
