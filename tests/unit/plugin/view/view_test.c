/* SPDX-License-Identifier: Apache-2.0 */
/* Which block a query goes to when several have its zone; names of views in labels and metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

/* Blocks "ZONE VIEW EXPRESSION"; each answers with its own address, 192.0.2.N from 1 on. */
struct block {
	const char *zone, *view, *expr;
};

static void put_block(char *text, size_t cap, const struct block *b, unsigned number)
{
	size_t n = strlen(text);

	n += (size_t)snprintf(text + n, cap - n, "%s:1053 {\n", b->zone);
	if (b->view)
		n += (size_t)snprintf(text + n, cap - n, " view %s {\n%s%s\n }\n", b->view,
				      b->expr ? "  expr " : "", b->expr ? b->expr : "");
	snprintf(text + n, cap - n,
		 " template ANY ANY {\n  answer \"{{ .Name }} 5 A 192.0.2.%u\"\n }\n}\n", number);
}

static void open_blocks(const struct block *b, size_t n)
{
	char text[4096] = "";

	for (size_t i = 0; i < n; i++)
		put_block(text, sizeof text, &b[i], (unsigned)i + 1);
	if (!rig.gen)
		nd_rig_open(&rig, text);
	else
		nd_rig_reload(&rig, text);
}

/* The number of the block that answered; 0: REFUSED. */
static unsigned asked(const char *client, const char *name, uint16_t type)
{
	struct nd_rr rr;

	assert_int_equal(nd_addr_parse_ip(client, 4000, &rig.peer), 0);
	assert_true(nd_rig_ask(&rig, name, type, ND_FLAG_RD, 0));
	if (nd_rig_rcode(&rig) == ND_RCODE_REFUSED)
		return 0;
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NOERROR);
	assert_true(nd_rig_record(&rig, 0, &rr));
	return rig.bytes[rig.len - 1];
}

static void test_choice(void **state)
{
	static const struct block by_client[] = {
		{ ".", "one", "client_ip() == '10.0.0.1'" },
		{ ".", "two", "incidr(client_ip(), '10.0.0.0/8')\n  expr type() == 'A'" },
		{ ".", NULL, NULL },
	};
	static const struct block none_left[] = { { ".", "one", "client_ip() == '10.0.0.1'" } };
	/* Without an expression it takes all; blocks after one that takes all get nothing. */
	static const struct block all[] = { { ".", "all", NULL }, { ".", "two", "true" } };
	static const struct block first[] = { { ".", NULL, NULL }, { ".", "two", "true" } };
	/* The search continues with the shorter zones. */
	static const struct block nested[] = {
		{ "a.test", "one", "type() == 'A'" },
		{ "test", "two", "type() == 'AAAA'" },
		{ ".", "three", "type() == 'TXT'" },
	};
	/* DS: the last one of the zone, and of the shortest zone (as CoreDNS). */
	static const struct block ds[] = {
		{ "a.test", "one", "true" },
		{ "a.test", NULL, NULL },
		{ "test", "three", "client_ip() == '10.0.0.3'" },
		{ ".", NULL, NULL },
	};
	/* Not true: a failure, another type, a label that nothing provides. */
	static const struct block untrue[] = {
		{ ".", "fails", "incidr(name(), '10.0.0.0/8')" },
		{ ".", "number", "1" },
		{ ".", "text", "'true'" },
		{ ".", "label", "metadata('a/b') != ''" },
		{ ".", "true", "name() == 'x.test.' && metadata('a/b') == ''" },
	};
	static const struct {
		const struct block *blocks;
		size_t n;
		const char *client, *name;
		uint16_t type;
		unsigned number;
	} rows[] = {
#define B(blocks) blocks, ND_COUNT(blocks)
		{ B(by_client), "10.0.0.1", "x.test.", ND_TYPE_A, 1 },
		{ B(by_client), "10.0.0.2", "x.test.", ND_TYPE_A, 2 },
		{ B(by_client), "10.0.0.2", "x.test.", ND_TYPE_AAAA, 3 },
		{ B(by_client), "11.0.0.2", "x.test.", ND_TYPE_A, 3 },
		{ B(none_left), "10.0.0.1", "x.test.", ND_TYPE_A, 1 },
		{ B(none_left), "10.0.0.2", "x.test.", ND_TYPE_A, 0 },
		{ B(all), "10.0.0.2", "x.test.", ND_TYPE_A, 1 },
		{ B(first), "10.0.0.2", "x.test.", ND_TYPE_A, 1 },
		{ B(nested), "10.0.0.2", "x.a.test.", ND_TYPE_A, 1 },
		{ B(nested), "10.0.0.2", "x.a.test.", ND_TYPE_AAAA, 2 },
		{ B(nested), "10.0.0.2", "x.a.test.", ND_TYPE_TXT, 3 },
		{ B(nested), "10.0.0.2", "x.a.test.", ND_TYPE_MX, 0 },
		{ B(nested), "10.0.0.2", "x.test.", ND_TYPE_A, 0 },
		{ B(ds), "10.0.0.2", "a.test.", ND_TYPE_A, 1 },
		{ B(ds), "10.0.0.2", "a.test.", ND_TYPE_DS, 2 },
		{ B(ds), "10.0.0.3", "a.test.", ND_TYPE_DS, 3 },
		{ B(ds), "10.0.0.2", "test.", ND_TYPE_DS, 4 },
		{ B(untrue), "10.0.0.2", "X.test.", ND_TYPE_A, 5 },
		{ B(untrue), "10.0.0.2", "y.test.", ND_TYPE_A, 0 },
#undef B
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		open_blocks(rows[i].blocks, rows[i].n);
		unsigned got = asked(rows[i].client, rows[i].name, rows[i].type);
		if (got != rows[i].number)
			fail_msg("row %zu: block %u, want %u", i, got, rows[i].number);
	}
}

/* The functions, with the values of the rig's queries. */
static void test_functions(void **state)
{
	static const char *const exprs[] = {
		"name() == 'x.test.' and type() == 'A' and class() == 'IN'",
		"proto() == 'udp' and client_ip() == '10.0.0.2' and port() == '4000'",
		"server_port() == '1053' and opcode() == 0 and id() >= 0",
		"size() == 24 and bufsize() == 512 and not do()",
		"incidr(client_ip(), '10.0.0.0/30') and not incidr(client_ip(), '10.0.0.4/30')",
		"metadata('view/name') == 'v'",
		"metadata('view/nothing') == ''",
	};
	char text[512];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(exprs); i++) {
		snprintf(text, sizeof text,
			 ".:1053 {\n metadata\n view v {\n  expr %s\n }\n template ANY ANY {\n"
			 "  answer \"{{ .Name }} 5 A 192.0.2.1\"\n }\n}\n",
			 exprs[i]);
		if (i == 0)
			nd_rig_open(&rig, text);
		else
			nd_rig_reload(&rig, text);
		if (asked("10.0.0.2", "x.test.", ND_TYPE_A) != 1)
			fail_msg("%s: not true", exprs[i]);
	}
}

/* A name that the block resolves itself goes to a block as a query of its own does. */
static void test_target(void **state)
{
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n view a {\n  expr name() startsWith 'alias'\n }\n"
			  " template ANY ANY {\n  answer \"{{ .Name }} 5 CNAME x.test.\"\n }\n}\n"
			  ".:1053 {\n template ANY ANY {\n"
			  "  answer \"{{ .Name }} 5 A 192.0.2.7\"\n }\n}\n");
	assert_true(nd_rig_ask(&rig, "alias.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN alias.test. 5 CNAME x.test.; "
					       "AN x.test. 5 A 192.0.2.7");
}

static void has(const char *line, bool wanted)
{
	if (!strstr(rig.page, line) == wanted)
		fail_msg("%s line %s in\n%s", wanted ? "no" : "a", line, rig.page);
}

/* Each block counts its own queries, also blocks with the same view. */
static void test_metrics(void **state)
{
	static const struct {
		const char *line;
		bool there;
	} rows[] = {
		{ "coredns_dns_requests_total{server=\"dns://:1053\",zone=\".\",view=\"one\","
		  "proto=\"udp\",family=\"1\",type=\"A\"} 3\n",
		  true },
		{ "coredns_dns_requests_total{server=\"dns://:1053\",zone=\".\",view=\"\","
		  "proto=\"udp\",family=\"1\",type=\"A\"} 1\n",
		  true },
		{ "coredns_plugin_enabled{server=\"dns://:1053\",zone=\".\",view=\"one\","
		  "name=\"view\"} 1\n",
		  true },
		{ "coredns_plugin_enabled{server=\"dns://:1053\",zone=\".\",view=\"\","
		  "name=\"view\"} 1\n",
		  false },
		{ "coredns_acl_allowed_requests_total{server=\"dns://:1053\",view=\"one\"} 3\n",
		  true },
		{ "coredns_acl_allowed_requests_total{server=\"dns://:1053\",view=\"\"} 1\n",
		  true },
		{ "coredns_cache_requests_total{server=\"dns://:1053\",zones=\".\",view=\"one\"} "
		  "3\n",
		  true },
		{ "coredns_template_matches_total{server=\"dns://:1053\",zone=\".\",view=\"one\","
		  "class=\"ANY\",type=\"ANY\"} 2\n",
		  true },
	};
	const char *plugins = " prometheus 127.0.0.1:%u\n acl\n cache\n template ANY ANY {\n"
			      "  answer \"{{ .Name }} 5 A 192.0.2.1\"\n }\n}\n";
	uint16_t port = nd_rig_free_port();
	char block[256], text[1024];
	(void)state;

	snprintf(block, sizeof block, plugins, port);
	snprintf(text, sizeof text,
		 ".:1053 {\n view one {\n  expr client_ip() == '10.0.0.1'\n }\n%s"
		 ".:1053 {\n view one {\n  expr client_ip() == '10.0.0.2'\n }\n%s.:1053 {\n%s",
		 block, block, block);
	nd_rig_open(&rig, text);
	assert_int_equal(asked("10.0.0.1", "x.test.", ND_TYPE_A), 1);
	assert_int_equal(asked("10.0.0.1", "x.test.", ND_TYPE_A), 1);
	assert_int_equal(asked("10.0.0.2", "x.test.", ND_TYPE_A), 1);
	assert_int_equal(asked("10.0.0.3", "x.test.", ND_TYPE_A), 1);
	nd_rig_reload(&rig, text);
	assert_int_equal(nd_rig_get(&rig, port, "/metrics"), 200);
	for (size_t i = 0; i < ND_COUNT(rows); i++)
		has(rows[i].line, rows[i].there);
}

/* {/view/name} of plugin log. */
static void test_label(void **state)
{
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n metadata\n log . \"{name} {/view/name}\"\n view inside {\n"
			  "  expr type() == 'A'\n }\n whoami\n}\n"
			  ".:1053 {\n metadata\n log . \"{name} {/view/name}\"\n whoami\n}\n");
	assert_true(nd_rig_ask(&rig, "x.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_true(nd_rig_ask(&rig, "y.test.", ND_TYPE_TXT, ND_FLAG_RD, 0));
	const char *log = nd_rig_log(&rig);
	if (!strstr(log, "x.test. inside\n") || !strstr(log, "y.test. -\n"))
		fail_msg("%s", log);
}

/* In a block with a view and no plugin that answers, view is the last one. */
static void test_alone(void **state)
{
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n errors\n view one {\n  expr true\n }\n}\n");
	assert_true(nd_rig_ask(&rig, "x.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
	const char *log = nd_rig_log(&rig);
	if (!strstr(log, "plugin/view: no next plugin found"))
		fail_msg("%s", log);
}

static void test_refused(void **state)
{
	static const struct {
		const char *corefile, *why;
	} rows[] = {
		{ ". {\n view\n}\n", "view" },
		{ ". {\n view a b\n}\n", "view" },
		{ ". {\n view a {\n  exp true\n }\n}\n", "\"exp\"" },
		{ ". {\n view a {\n  expr\n }\n}\n", "unexpected token EOF" },
		{ ". {\n view a {\n  expr foo()\n }\n}\n", "unknown name foo" },
		{ ". {\n view a {\n  expr group(1) == ''\n }\n}\n", "unknown name group" },
		{ ". {\n view a {\n  expr id() == 'a'\n }\n}\n",
		  "mismatched types int and string" },
		{ ". {\n view a {\n  expr incidr('::1')\n }\n}\n", "not enough arguments" },
		{ ". {\n view a\n view b\n}\n", "once per server block" },
		/* Of the blocks without a view there is one; an address must not be hidden. */
		{ ". {\n view a\n}\n. {\n whoami\n}\n. {\n whoami\n}\n", "already defined" },
		{ ". {\n whoami\n}\n. {\n bind 127.0.0.1\n view a\n}\n", "zone overlap" },
		{ ". {\n bind 127.0.0.1\n whoami\n}\n. {\n view a\n}\n", "zone overlap" },
	};
	static const char *const fine[] = {
		". {\n bind 127.0.0.1\n view a\n}\n. {\n whoami\n}\n",
		". {\n view a\n}\n. {\n bind 127.0.0.1\n whoami\n}\n",
		". {\n whoami\n}\n. {\n view a\n}\n. {\n view a\n}\n",
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		const char *why = nd_rig_refuse(&rig, rows[i].corefile);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].corefile, why);
	}
	for (size_t i = 0; i < ND_COUNT(fine); i++)
		nd_rig_reload(&rig, fine[i]);
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_choice), RIG(test_functions), RIG(test_target),  RIG(test_metrics),
		RIG(test_label),  RIG(test_alone),     RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
