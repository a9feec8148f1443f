/* SPDX-License-Identifier: Apache-2.0 */
/* Which queries pass, what the others get, and what is counted. The next plugin answers all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

#define BELOW " template ANY ANY {\n rcode NXDOMAIN\n }\n"

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void open_rig(const char *acl, size_t i)
{
	char text[1024];

	snprintf(text, sizeof text, ".:1053 {\n%s" BELOW "}\n", acl);
	if (i == 0)
		nd_rig_open(&rig, text);
	else
		nd_rig_reload(&rig, text);
}

/* What a client gets: "pass", "drop", or the rcode and the extended error. */
static const char *outcome(const char *client, const char *name, uint16_t type)
{
	static char text[64];
	uint8_t bytes[512];

	assert_int_equal(nd_addr_parse_ip(client, 4000, &rig.peer), 0);
	if (!nd_rig_ask(&rig, name, type, ND_FLAG_RD, 0))
		return "drop";
	if (nd_rig_rcode(&rig) == ND_RCODE_NXDOMAIN)
		return "pass";
	/* An OPT with size 4096, DO and one option: EDE, 2 bytes. */
	static const uint8_t opt[] = { 0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 6, 0, 15, 0, 2, 0 };
	memcpy(bytes, rig.bytes + rig.len - sizeof opt - 1, sizeof bytes - sizeof opt);
	assert_memory_equal(bytes, opt, sizeof opt);
	snprintf(text, sizeof text, "%u/%u", nd_rig_rcode(&rig), bytes[sizeof opt]);
	return text;
}

static void test_actions(void **state)
{
	static const struct {
		const char *acl, *client, *name;
		uint16_t type;
		const char *outcome;
	} rows[] = {
		{ " acl\n", "10.0.0.1", "a.test.", 1, "pass" },
		{ " acl {\n block\n }\n", "10.0.0.1", "a.test.", 1, "5/15" },
		{ " acl {\n filter\n }\n", "10.0.0.1", "a.test.", 1, "0/17" },
		{ " acl {\n drop\n }\n", "10.0.0.1", "a.test.", 1, "drop" },
		{ " acl {\n BLOCK NET *\n }\n", "::1", "a.test.", 1, "5/15" },
		/* The first line that matches decides. */
		{ " acl {\n allow net 10.0.0.0/8\n block\n }\n", "10.9.9.9", "a.", 1, "pass" },
		{ " acl {\n allow net 10.0.0.0/8\n block\n }\n", "11.0.0.1", "a.", 1, "5/15" },
		{ " acl {\n block\n allow net 10.0.0.0/8\n }\n", "10.9.9.9", "a.", 1, "5/15" },
		/* Types and networks, in either order; both must match. */
		{ " acl {\n block type A net 10.0.0.1\n }\n", "10.0.0.1", "a.", 1, "5/15" },
		{ " acl {\n block type A net 10.0.0.1\n }\n", "10.0.0.1", "a.", 28, "pass" },
		{ " acl {\n block net 10.0.0.1 type A\n }\n", "10.0.0.2", "a.", 1, "pass" },
		{ " acl {\n block type A AAAA type MX\n }\n", "10.0.0.2", "a.", 15, "5/15" },
		{ " acl {\n block type * x\n }\n", "10.0.0.2", "a.", 16, "5/15" },
		{ " acl {\n block type None\n }\n", "10.0.0.2", "a.", 16, "5/15" },
		{ " acl {\n block net 10.0.0.1 * x\n }\n", "10.0.0.2", "a.", 1, "5/15" },
		{ " acl {\n block net 10.0.0.1 net 10.0.0.2\n }\n", "10.0.0.2", "a.", 1, "5/15" },
		{ " acl {\n block net ::/0\n }\n", "10.0.0.2", "a.", 1, "pass" },
		{ " acl {\n block net ::/0\n }\n", "::ffff:10.0.0.2", "a.", 1, "pass" },
		{ " acl {\n block net 10.0.0.2\n }\n", "::ffff:10.0.0.2", "a.", 1, "5/15" },
		/* Zones, and several directives: the first one with a match decides. */
		{ " acl b.test {\n block\n }\n", "10.0.0.1", "a.test.", 1, "pass" },
		{ " acl b.test {\n block\n }\n", "10.0.0.1", "x.B.test.", 1, "5/15" },
		{ " acl a {\n allow\n }\n acl {\n drop\n }\n", "10.0.0.1", "a.", 1, "pass" },
		{ " acl a {\n allow\n }\n acl {\n drop\n }\n", "10.0.0.1", "b.", 1, "drop" },
		{ " acl a {\n allow net 1.1.1.1\n }\n acl {\n drop\n }\n", "10.0.0.1", "a.", 1,
		  "drop" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		open_rig(rows[i].acl, i);
		const char *got = outcome(rows[i].client, rows[i].name, rows[i].type);
		if (strcmp(got, rows[i].outcome) != 0)
			fail_msg("%s from %s: %s %u: %s", rows[i].acl, rows[i].client, rows[i].name,
				 rows[i].type, got);
	}
}

static void expect_metric(const char *line)
{
	const char *page = nd_rig_metrics(&rig);

	if (!strstr(page, line))
		fail_msg("no %s in\n%s", line, page);
}

static void test_metrics(void **state)
{
	char text[256];
	(void)state;

	snprintf(text, sizeof text,
		 " prometheus 127.0.0.1:%u\n acl a.test b.test {\n block type A\n filter type MX\n"
		 " drop type TXT\n }\n acl d.test {\n block\n }\n",
		 nd_rig_free_port());
	open_rig(text, 0);
	outcome("10.0.0.1", "x.b.test.", ND_TYPE_A);
	outcome("10.0.0.1", "x.b.test.", ND_TYPE_A);
	outcome("10.0.0.1", "a.test.", ND_TYPE_MX);
	outcome("10.0.0.1", "a.test.", ND_TYPE_TXT);
	outcome("10.0.0.1", "c.test.", ND_TYPE_A);
	outcome("10.0.0.1", "d.test.", ND_TYPE_A);
	expect_metric("coredns_acl_blocked_requests_total{server=\"dns://:1053\","
		      "zone=\"b.test.\",view=\"\"} 2\n");
	expect_metric("coredns_acl_blocked_requests_total{server=\"dns://:1053\","
		      "zone=\"d.test.\",view=\"\"} 1\n");
	expect_metric("coredns_acl_filtered_requests_total{server=\"dns://:1053\","
		      "zone=\"a.test.\",view=\"\"} 1\n");
	expect_metric("coredns_acl_dropped_requests_total{server=\"dns://:1053\","
		      "zone=\"a.test.\",view=\"\"} 1\n");
	expect_metric("coredns_acl_allowed_requests_total{server=\"dns://:1053\",view=\"\"} 1\n");
	/* A query without a reply counts as NOERROR by no plugin. */
	expect_metric("coredns_dns_responses_total{server=\"dns://:1053\",zone=\".\",view=\"\","
		      "rcode=\"NOERROR\",plugin=\"\"} 1\n");
	expect_metric("coredns_dns_responses_total{server=\"dns://:1053\",zone=\".\",view=\"\","
		      "rcode=\"REFUSED\",plugin=\"acl\"} 3\n");
	/* Counters outlive a reload that keeps the zones. */
	open_rig(" acl a.test b.test {\n block\n }\n acl d.test\n", 1);
	outcome("10.0.0.1", "b.test.", ND_TYPE_A);
	expect_metric("coredns_acl_blocked_requests_total{server=\"dns://:1053\","
		      "zone=\"b.test.\",view=\"\"} 3\n");
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "deny", "Corefile:3 - plugin/acl: invalid action \"deny\": must be allow, block, "
			  "filter or drop" },
		{ "block host a", "invalid word \"host\": must be \"type\" or \"net\"" },
		{ "block net", "\"net\" needs at least one network, or *" },
		{ "block type net *", "\"type\" needs at least one record type, or *" },
		{ "block net 10.0.0.0/33", "invalid network \"10.0.0.0/33\"" },
		{ "block net fe80::1%lo", "invalid network \"fe80::1%lo\"" },
		{ "block type aaaa", "invalid type \"aaaa\"" },
		{ "block type TYPE28", "invalid type \"TYPE28\"" },
		{ "block type TYPE65000", "invalid type \"TYPE65000\"" },
		{ "block {\n x\n }", "\"block\" takes no block; remove it" },
	};
	(void)state;

	open_rig(" acl\n", 0);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[256];
		snprintf(text, sizeof text, ".:1053 {\n acl {\n %s\n }\n" BELOW "}\n",
			 rows[i].line);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].line, message);
	}
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n acl a..b\n" BELOW "}\n"),
			       "Corefile:2 - plugin/acl: invalid zone \"a..b\""));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_actions),
		RIG(test_metrics),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
