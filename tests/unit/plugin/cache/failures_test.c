/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/time.h"
#include "plugin/cache/failures.h"
#include "wire/msg.h"
#include "wire/type.h"

static uint64_t hash_of(unsigned i)
{
	return (i + 1) * 0x9e3779b97f4a7c15u;
}

static void test_kept_until_it_expires(void **state)
{
	struct nd_failures *t = nd_failures_new();
	struct nd_failure f = { .rcode = ND_RCODE_NOTIMP, .flags = ND_FLAG_RA | ND_FLAG_RD };
	struct nd_failure out;
	(void)state;

	assert_false(nd_failures_find(t, 0, ND_S(100), &out)); /* an empty entry does not match */
	assert_false(nd_failures_put(t, hash_of(1), ND_S(100), 5, f));
	assert_true(nd_failures_find(t, hash_of(1), ND_S(105) - ND_MS(1), &out));
	assert_int_equal(out.rcode, ND_RCODE_NOTIMP);
	assert_int_equal(out.flags, ND_FLAG_RA);
	assert_false(nd_failures_find(t, hash_of(1), ND_S(105), &out));
	assert_false(nd_failures_find(t, hash_of(2), ND_S(101), &out));
	f.rcode = ND_RCODE_SERVFAIL;
	assert_false(
		nd_failures_put(t, hash_of(1), ND_S(101), 5, f)); /* in place of the equal one */
	assert_true(nd_failures_find(t, hash_of(1), ND_S(105), &out));
	assert_int_equal(out.rcode, ND_RCODE_SERVFAIL);
	assert_int_equal(nd_failures_count(t, ND_S(102)), 1);
	free(t);
}

/* A flood leaves the latest. */
static void test_full(void **state)
{
	enum { N = 100000, ROOM = ND_FAILURES_BYTES / 16 };
	struct nd_failures *t = nd_failures_new();
	struct nd_failure f = { .rcode = ND_RCODE_SERVFAIL }, out;
	unsigned evicted = 0, found = 0;
	(void)state;

	for (unsigned i = 0; i < N; i++)
		evicted += nd_failures_put(t, hash_of(i), ND_S(100) + ND_MS(i / 100), 5, f);
	uint64_t kept = nd_failures_count(t, ND_S(101));
	assert_int_equal(kept + evicted, N);
	assert_in_range(kept, ROOM * 9 / 10, ROOM);
	for (unsigned i = N - 100; i < N; i++)
		found += nd_failures_find(t, hash_of(i), ND_S(101), &out);
	assert_true(found >= 95);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_until_it_expires),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
