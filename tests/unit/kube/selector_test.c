/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"
#include "kube/selector.h"

static void test_matches(void **state)
{
	static const struct nd_object_label labels[] = { { "app", "web" },
							 { "tier", "" },
							 { "example.com/env", "dev" } };
	static const struct nd_object object = { .labels = labels, .nlabels = 3 };
	static const struct {
		const char *text;
		bool matches;
	} rows[] = {
		{ "", true },
		{ "app=web", true },
		{ "app==web", true },
		{ " app = web ", true },
		{ "app=db", false },
		{ "app!=db", true },
		{ "app!=web", false },
		{ "none!=x", true },
		{ "none=x", false },
		{ "tier=", true },
		{ "app=", false },
		{ "app", true },
		{ "none", false },
		{ "!none", true },
		{ "!app", false },
		{ "! app", false },
		{ "app in (web)", true },
		{ "app in (db, web)", true },
		{ "app in (db,cache)", false },
		{ "tier in (,x)", true },
		{ "app notin (db)", true },
		{ "app notin (web,db)", false },
		{ "none notin (x)", true },
		{ "app=web,example.com/env=dev", true },
		{ "app=web,example.com/env=prod", false },
		{ "example.com/env in (dev,prod),!none,app", true },
	};
	struct nd_arena a;
	(void)state;

	nd_arena_init(&a, 1 << 16);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_selector s;
		const char *why = "";
		if (nd_selector_parse(rows[i].text, &a, &s, &why))
			fail_msg("\"%s\": refused: %s", rows[i].text, why);
		if (nd_selector_matches(&s, &object) != rows[i].matches)
			fail_msg("\"%s\": want %d", rows[i].text, rows[i].matches);
	}
	nd_arena_clear(&a);
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
		",",
		"a=b,",
		"a=b,,c=d",
		"=b",
		"a b",
		"a=b c=d",
		"a in",
		"a in b",
		"a in (b",
		"a in (b c)",
		"a>1",
		"a<1",
		"a=b=c",
		"-a=b",
		"a=-b",
		"a.b/c/d=e",
		"/a",
		"A.b/c",
		"a/",
		"a=b@c",
		"!",
		"(a)",
		"a=0123456789012345678901234567890123456789012345678901234567890123",
	};
	struct nd_arena a;
	(void)state;

	nd_arena_init(&a, 1 << 16);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_selector s;
		const char *why = NULL;
		if (nd_selector_parse(rows[i], &a, &s, &why) != ND_EFORMAT)
			fail_msg("\"%s\": accepted", rows[i]);
		assert_non_null(why);
	}
	nd_arena_clear(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
