/* SPDX-License-Identifier: Apache-2.0 */
/* From the name of a file to a zone, with Go's templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "plugin/auto/autoname.h"

static void test_origin(void **state)
{
	static const struct {
		const char *pattern, *origin_template, *file, *zone; /* zone NULL: none */
	} rows[] = {
		{ "db\\.(.*)", "${1}", "db.example.org", "example.org." },
		{ "db\\.(.*)", "${1}", "xdb.Example.ORG.", "example.org." },
		{ "db\\.(.*)", "${1}", "readme", NULL },
		{ "db\\.(.*)", "${1}", "db.", NULL },
		{ "db\\.(.*)", "${1}", "db.a..b", NULL },
		{ "(.*)\\.(.*)", "${2}.${1}", "a.b", "b.a." },
		{ "(.*)\\.(.*)", "$2.${1}.x", "a.b", "b.a.x." },
		{ "(.*)\\.(.*)", "$1x.y", "a.b", NULL }, /* group "1x", empty: ".y" */
		{ "(?P<z>.*)\\.zone", "${z}.test", "a.zone", "a.test." },
		{ "(.*)", "$$${1}", "a", "$a." },
		{ "(.*)", "${9}a", "x", "a." },
		{ "(.*)", "${99999999999}a", "x", "a." },
		{ "(.*)", "a${", "x", "a${." },
		{ "(.*)", "a$", "x", "a$." },
		{ "(.*)", "${1", "x", "${1." },
		{ "(a)|(b)", "${1}z", "b", "z." },
		{ "(.*)", "${0}", "x.y", "x.y." },
	};
	(void)state;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_autoname *a;
		struct nd_name_buf buf;
		struct nd_name name;
		char why[256], text[ND_NAME_TEXT_MAX] = "none";
		assert_int_equal(nd_autoname_new(rows[i].pattern, rows[i].origin_template, &a, why,
						 sizeof why),
				 0);
		if (nd_autoname_origin(a, rows[i].file, &buf, &name))
			nd_name_format(name, text);
		if (strcmp(text, rows[i].zone ? rows[i].zone : "none") != 0)
			fail_msg("%s, %s of %s: %s", rows[i].pattern, rows[i].origin_template,
				 rows[i].file, text);
		nd_autoname_free(a);
	}
}

static void test_refused(void **state)
{
	struct nd_autoname *a;
	char why[256] = "";

	(void)state;
	assert_int_equal(nd_autoname_new("a", "b", &a, why, sizeof why), ND_EFORMAT);
	assert_string_equal(why, "an expression with a group");
	assert_int_equal(nd_autoname_new("(", "b", &a, why, sizeof why), ND_EFORMAT);
	assert_non_null(strstr(why, "("));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
