/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/err.h"
#include "tools/bench/search.h"

static void test_candidates(void **state)
{
	static const struct {
		const char *name, *conf, *host,
			*want;    /* want: glibc's; '*' marks the name as given */
		const char *musl; /* NULL: the same */
	} rows[] = {
		{ "no search list", "", "a.b", "*a.b.", NULL },
		{ "fewer than ndots", "search x y.z\noptions ndots:2", "a.b",
		  "a.b.x. a.b.y.z. *a.b.", NULL },
		{ "ndots or more", "search x", "a.b", "*a.b. a.b.x.", "*a.b." },
		{ "no dot", "search x", "a", "a.x. *a.", NULL },
		{ "ndots 0", "search x\noptions ndots:0", "a", "*a. a.x.", "*a." },
		{ "rooted", "search x\noptions ndots:5", "a.b.", "*a.b.", NULL },
		{ "the root in the list", "search . x\noptions ndots:2", "a.b", "a.b.x. *a.b.",
		  NULL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows) * 2; i++) {
		const struct nd_style *style = i % 2 ? &nd_style_musl : &nd_style_glibc;
		const char *want = i % 2 && rows[i / 2].musl ? rows[i / 2].musl : rows[i / 2].want;
		char text[ND_NAME_TEXT_MAX];
		struct nd_buf got;
		struct nd_search s;
		struct nd_resolv r;

		nd_buf_init(&got, 4096);
		nd_resolv_init(&r);
		nd_resolv_parse(&r, rows[i / 2].conf, 53, NULL, NULL);
		assert_int_equal(nd_search_init(&s, rows[i / 2].host, &r, style), 0);
		for (unsigned k = 0; k < s.n; k++) {
			nd_name_format(nd_name_view(s.name[k].bytes), text);
			nd_buf_printf(&got, "%s%s%s", k ? " " : "", k == s.as_is ? "*" : "", text);
		}
		if (strcmp(nd_buf_string(&got), want) != 0)
			fail_msg("%s, %s: got \"%s\", want \"%s\"", rows[i / 2].name, style->name,
				 nd_buf_string(&got), want);
		nd_buf_clear(&got);
	}
}

static void test_next(void **state)
{
	static const struct {
		const char *name;
		unsigned n, as_is, at;
		enum nd_style_next next;
		unsigned want;
	} rows[] = {
		{ "the next", 4, 3, 0, ND_STYLE_TRY, 1 },
		{ "after the last", 4, 3, 3, ND_STYLE_TRY, 4 },
		{ "end the search list", 4, 3, 0, ND_STYLE_LAST, 3 },
		{ "end it at its end", 4, 3, 3, ND_STYLE_LAST, 4 },
		{ "the name as given was first", 4, 0, 0, ND_STYLE_LAST, 1 },
		{ "as given was first: the list ends", 4, 0, 1, ND_STYLE_LAST, 4 },
		{ "stop", 4, 3, 1, ND_STYLE_STOP, 4 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_search s = { .n = rows[i].n, .as_is = rows[i].as_is };
		unsigned got = nd_search_next(&s, rows[i].at, rows[i].next);
		if (got != rows[i].want)
			fail_msg("%s: got %u, want %u", rows[i].name, got, rows[i].want);
	}
}

static void test_bad_hosts(void **state)
{
	static const char *const bad[] = { "", "a..b", ".a" };
	struct nd_search s;
	struct nd_resolv r;
	(void)state;

	nd_resolv_init(&r);
	for (size_t i = 0; i < ND_COUNT(bad); i++)
		if (nd_search_init(&s, bad[i], &r, &nd_style_go) != ND_EFORMAT)
			fail_msg("\"%s\" was accepted", bad[i]);
}

/* A candidate longer than 255 bytes is omitted. */
static void test_too_long(void **state)
{
	char label[64], host[256], conf[256];
	struct nd_search s;
	struct nd_resolv r;
	(void)state;

	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(host, sizeof host, "%s.%s.%s", label, label, label);
	snprintf(conf, sizeof conf, "search %s x\noptions ndots:5", label);
	nd_resolv_init(&r);
	nd_resolv_parse(&r, conf, 53, NULL, NULL);
	assert_int_equal(nd_search_init(&s, host, &r, &nd_style_go), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.as_is, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_bad_hosts),
		cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
