/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/err.h"
#include "io/nofile.h"

static void test_share(void **state)
{
	static const struct {
		const char *name;
		uint64_t limit;
		uint32_t share;
	} rows[] = {
		{ "tiny: half", 64, 32 },
		{ "small: half", 400, 200 },
		{ "least reserve", 1024, 768 },
		{ "a quarter", 4096, 3072 },
		{ "largest reserve", 1 << 20, (1 << 20) - ND_NOFILE_RESERVE_MAX },
		{ "no limit", RLIM_INFINITY, (1 << 20) - ND_NOFILE_RESERVE_MAX },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if (nd_nofile_share(rows[i].limit) != rows[i].share)
			fail_msg("%s: got %u, want %u", rows[i].name,
				 nd_nofile_share(rows[i].limit), rows[i].share);
}

static void test_raise(void **state)
{
	struct rlimit before, now;
	(void)state;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = (struct rlimit){ .rlim_cur = 100, .rlim_max = before.rlim_max };
	assert_true(before.rlim_max >= 200);
	assert_int_equal(nd_nofile_max(), UINT32_MAX);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(nd_nofile_raise(), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_cur,
			 before.rlim_max < ND_NOFILE_MAX ? before.rlim_max : ND_NOFILE_MAX);
	assert_int_equal(nd_nofile_max(), nd_nofile_share(now.rlim_cur));

	pid_t child = fork();
	if (child == 0) {
		getrlimit(RLIMIT_NOFILE, &now);
		_exit(now.rlim_cur == 100 && now.rlim_max == before.rlim_max ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* What upstreams need is taken from the clients' part. */
static void test_reserve(void **state)
{
	const struct rlimit limit = { .rlim_cur = 160, .rlim_max = 160 };
	(void)state;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0); /* for good */
	assert_int_equal(nd_nofile_raise(), 0);
	assert_int_equal(nd_nofile_max(), 80);
	nd_nofile_reserve(10);
	assert_int_equal(nd_nofile_max(), 70);
	nd_nofile_reserve(1000);
	assert_int_equal(nd_nofile_max(), 40);
	nd_nofile_unreserve(1000);
	assert_int_equal(nd_nofile_max(), 70);
	nd_nofile_unreserve(10);
	assert_int_equal(nd_nofile_max(), 80);
}

static void test_take(void **state)
{
	const struct rlimit small = { .rlim_cur = 200, .rlim_max = 200 };
	(void)state;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0); /* for good: the last test */
	assert_int_equal(nd_nofile_raise(), 0);
	assert_int_equal(nd_nofile_max(), 100);
	for (int i = 0; i < 100; i++)
		assert_true(nd_nofile_take());
	assert_false(nd_nofile_take());
	assert_int_equal(nd_nofile_used(), 100);
	nd_nofile_give();
	assert_true(nd_nofile_take());
	for (int i = 0; i < 100; i++)
		nd_nofile_give();
	assert_int_equal(nd_nofile_used(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_raise),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_reserve),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
