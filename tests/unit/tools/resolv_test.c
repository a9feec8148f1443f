/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "tools/bench/resolv.h"

struct notes {
	unsigned n, line;
	char text[256];
};

static void note(void *ctx, unsigned line, const char *text)
{
	struct notes *notes = ctx;

	notes->n++;
	notes->line = line;
	snprintf(notes->text, sizeof notes->text, "%s", text);
}

/* The whole result as one line, for the table. */
static void describe(const struct nd_resolv *r, char *to, size_t n)
{
	char text[ND_NAME_TEXT_MAX];
	size_t at = 0;

	for (unsigned i = 0; i < r->servers; i++) {
		nd_addr_format(&r->server[i], text);
		at += (size_t)snprintf(to + at, n - at, "%s ", text);
	}
	at += (size_t)snprintf(to + at, n - at, "|");
	for (unsigned i = 0; i < r->searches; i++) {
		nd_name_format(nd_name_view(r->search[i].bytes), text);
		at += (size_t)snprintf(to + at, n - at, " %s", text);
	}
	snprintf(to + at, n - at, " | %u %u %u%s%s%s%s%s%s%s", r->ndots, r->timeout_s, r->attempts,
		 r->rotate ? " rotate" : "", r->use_vc ? " vc" : "", r->edns0 ? " edns0" : "",
		 r->single_request ? " single" : "", r->single_request_reopen ? " reopen" : "",
		 r->no_aaaa ? " no-aaaa" : "", r->trust_ad ? " ad" : "");
}

static void test_parse(void **state)
{
	static const struct {
		const char *name, *text, *want;
		unsigned notes, line; /* how many, and where the last one is */
	} rows[] = {
		{ "empty", "", "| | 1 5 2", 0, 0 },
		{ "of a pod",
		  "search ns.svc.cluster.local svc.cluster.local cluster.local\n"
		  "nameserver 10.96.0.10\noptions ndots:5\n",
		  "10.96.0.10:53 | ns.svc.cluster.local. svc.cluster.local. cluster.local. | 5 5 2",
		  0, 0 },
		{ "no trailing newline", "nameserver ::1", "[::1]:53 | | 1 5 2", 0, 0 },
		{ "tabs, carriage returns", "nameserver\t1.2.3.4 \r\n", "1.2.3.4:53 | | 1 5 2", 0,
		  0 },
		{ "comments", "#nameserver 1.2.3.4\n; search a\n\n", "| | 1 5 2", 0, 0 },
		{ "all options",
		  "options ndots:2 timeout:1 attempts:3 rotate use-vc edns0 no-reload\n"
		  "options single-request single-request-reopen no-aaaa trust-ad\n",
		  "| | 2 1 3 rotate vc edns0 single reopen no-aaaa ad", 0, 0 },
		{ "the last search wins", "search a b\ndomain C\n", "| c. | 1 5 2", 0, 0 },
		{ "a fourth server",
		  "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\n"
		  "nameserver 1.1.1.4\n",
		  "1.1.1.1:53 1.1.1.2:53 1.1.1.3:53 | | 1 5 2", 1, 4 },
		{ "invalid addresses", "nameserver\nnameserver x\n", "| | 1 5 2", 2, 2 },
		{ "an invalid domain", "search a..b c\n", "| c. | 1 5 2", 1, 1 },
		{ "invalid options", "options frob ndots:1x ndots: ndots:-1 timeout:0\n",
		  "| | 1 5 2", 5, 1 },
		{ "an unknown keyword", "frob\n", "| | 1 5 2", 1, 1 },
		{ "a number that is too long", "options ndots:99999999999999999999\n", "| | 1 5 2",
		  1, 1 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct notes notes = { 0 };
		struct nd_resolv r;
		char got[2048];

		nd_resolv_init(&r);
		nd_resolv_parse(&r, rows[i].text, 53, note, &notes);
		describe(&r, got, sizeof got);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", rows[i].name, got, rows[i].want);
		if (notes.n != rows[i].notes || notes.line != rows[i].line)
			fail_msg("%s: %u notes, the last of line %u: %s", rows[i].name, notes.n,
				 notes.line, notes.text);
	}
}

static void test_search_ends(void **state)
{
	char text[4096] = "search", *at = text + strlen(text);
	struct notes notes = { 0 };
	struct nd_resolv r;
	(void)state;

	for (unsigned i = 0; i < ND_RESOLV_SEARCH + 3; i++)
		at += sprintf(at, " d%u", i);
	nd_resolv_init(&r);
	nd_resolv_parse(&r, text, 53, note, &notes);
	assert_int_equal(r.searches, ND_RESOLV_SEARCH);
	assert_int_equal(notes.n, 1);
}

static void test_options(void **state)
{
	struct notes notes = { 0 };
	struct nd_resolv r;
	(void)state;

	nd_resolv_init(&r);
	assert_int_equal(nd_resolv_options(&r, "single-request,timeout:7", 0, note, &notes), 0);
	assert_true(r.single_request && r.timeout_s == 7 && notes.n == 0);
	assert_int_equal(nd_resolv_options(&r, "rotate frob", 0, note, &notes), ND_EFORMAT);
	assert_string_equal(notes.text, "unknown option \"frob\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_search_ends),
		cmocka_unit_test(test_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
