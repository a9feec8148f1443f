/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"

static void test_place(void **state)
{
	static const struct {
		const char *file;
		int line;
		const char *want;
	} rows[] = {
		{ "Corefile", 3, "Corefile:3 - bad \"x\"" },
		{ "Corefile", 0, "Corefile - bad \"x\"" },
		{ "", 3, "bad \"x\"" },
		{ NULL, 0, "bad \"x\"" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		assert_int_equal(nd_diag_at(&d, rows[i].file, rows[i].line, "bad \"%s\"", "x"),
				 ND_ECONF);
		assert_true(d.set);
		assert_string_equal(d.text, rows[i].want);
	}
}

static void test_first_wins(void **state)
{
	struct nd_diag d = { 0 };
	(void)state;

	assert_int_equal(nd_diag_at(&d, "a", 1, "one"), ND_ECONF);
	assert_int_equal(nd_diag_at(&d, "b", 2, "two"), ND_ECONF);
	assert_string_equal(d.text, "a:1 - one");
	assert_int_equal(nd_diag_at(NULL, "a", 1, "no diag"), ND_ECONF);
}

static void test_long(void **state)
{
	struct nd_diag d = { 0 };
	char file[2000];
	(void)state;

	memset(file, 'f', sizeof file - 1);
	file[sizeof file - 1] = '\0';
	nd_diag_at(&d, file, 1, "%s", file);
	assert_int_equal(strlen(d.text), sizeof d.text - 1);
	assert_string_equal(d.text + sizeof d.text - 5, "f...");
	assert_non_null(strstr(d.text, "f:1 - f"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_first_wins),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
