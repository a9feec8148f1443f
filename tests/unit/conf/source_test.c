/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"

static void test_join(void **state)
{
	static const struct {
		const char *from, *path, *want;
	} rows[] = {
		{ "Corefile", "a", "a" },
		{ "etc/Corefile", "a", "etc/a" },
		{ "/etc/Corefile", "a", "/etc/a" },
		{ "/Corefile", "a", "/a" },
		{ "etc/Corefile", "/a//b/", "/a/b" },
		{ "etc/Corefile", "./a/./b", "etc/a/b" },
		{ "etc/Corefile", "../a", "a" },
		{ "etc/Corefile", "../../a", "../a" },
		{ "etc/Corefile", "../../../a", "../../a" },
		{ "/etc/Corefile", "../../a", "/a" },
		{ "../x/Corefile", "../a", "../a" },
		{ "../Corefile", "../a", "../../a" },
		{ "a..b/Corefile", "..c/.d", "a..b/..c/.d" },
		{ "a/b/Corefile", "../*.x", "a/*.x" },
		{ "Corefile", ".", "." },
		{ "etc/Corefile", "..", "." },
		{ "/Corefile", "..", "/" },
	};
	struct nd_arena a;
	(void)state;

	nd_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		const char *got = nd_source_join(&a, rows[i].from, rows[i].path);
		if (!got || strcmp(got, rows[i].want) != 0)
			fail_msg("%s, %s: got %s, want %s", rows[i].from, rows[i].path,
				 got ? got : "NULL", rows[i].want);
	}
	nd_arena_clear(&a);
}

static void test_too_long(void **state)
{
	static char path[ND_SOURCE_PATH_MAX + 2];
	struct nd_arena a;
	(void)state;

	nd_arena_init(&a, 1 << 20);
	memset(path, 'a', ND_SOURCE_PATH_MAX - 1);
	assert_non_null(nd_source_join(&a, "", path));
	assert_null(nd_source_join(&a, "d/x", path));
	path[ND_SOURCE_PATH_MAX - 1] = 'a';
	assert_null(nd_source_join(&a, "", path));
	path[ND_SOURCE_PATH_MAX - 1] = '/';
	assert_null(nd_source_join(&a, path, "x"));
	nd_arena_clear(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
