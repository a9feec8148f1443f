/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/budget.h"

#define MIB(n) ((uint64_t)(n) << 20)

static void test_from_limit(void **state)
{
	static const struct {
		uint64_t limit, want;
	} rows[] = {
		{ 0, MIB(ND_BUDGET_DEFAULT_MIB) }, /* no limit */
		{ MIB(170), MIB(85) },
		{ MIB(8), MIB(ND_BUDGET_MIN_MIB) },
		{ MIB(1) << 20, MIB(ND_BUDGET_DEFAULT_MIB) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(nd_budget_from_limit(rows[i].limit), rows[i].want);
}

static void test_part_has_a_ceiling(void **state)
{
	size_t half;

	(void)state;
	nd_budget_set(MIB(16));
	half = nd_budget_ceiling(ND_BUDGET_HTTP) / 2;
	uint64_t refused = nd_budget_refused(ND_BUDGET_HTTP);
	assert_true(nd_budget_take(ND_BUDGET_HTTP, half));
	assert_true(nd_budget_take(ND_BUDGET_HTTP, half));
	assert_false(nd_budget_take(ND_BUDGET_HTTP, 1));
	assert_int_equal(nd_budget_refused(ND_BUDGET_HTTP), refused + 1);
	assert_true(nd_budget_take(ND_BUDGET_QUERIES, 1)); /* another part is not affected */
	nd_budget_give(ND_BUDGET_QUERIES, 1);
	nd_budget_give(ND_BUDGET_HTTP, half);
	assert_true(nd_budget_take(ND_BUDGET_HTTP, 1));
	nd_budget_give(ND_BUDGET_HTTP, half + 1);
	assert_int_equal(nd_budget_used(ND_BUDGET_HTTP), 0);
}

static void test_whole_has_a_ceiling(void **state)
{
	static const enum nd_budget_part parts[] = { ND_BUDGET_CACHE, ND_BUDGET_QUERIES,
						     ND_BUDGET_EXCHANGES };
	size_t n[3] = { 0 };
	uint64_t sum = 0;

	(void)state;
	nd_budget_set(MIB(16));
	for (size_t i = 0; i < 3; i++) {
		while (nd_budget_take(parts[i], 4096))
			n[i] += 4096;
		sum += n[i];
	}
	/* 8 + 5 sixteenths are full; the third part is stopped by the whole. */
	assert_int_equal(n[0], nd_budget_ceiling(parts[0]));
	assert_int_equal(n[1], nd_budget_ceiling(parts[1]));
	assert_true(n[2] < nd_budget_ceiling(parts[2]));
	assert_int_equal(sum, MIB(16));
	for (size_t i = 0; i < 3; i++)
		nd_budget_give(parts[i], n[i]);
}

static void test_huge_request(void **state)
{
	(void)state;
	nd_budget_set(MIB(16));
	assert_true(nd_budget_take(ND_BUDGET_STREAMS, 1));
	assert_false(nd_budget_take(ND_BUDGET_STREAMS, SIZE_MAX)); /* no overflow */
	nd_budget_give(ND_BUDGET_STREAMS, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_limit),
		cmocka_unit_test(test_part_has_a_ceiling),
		cmocka_unit_test(test_whole_has_a_ceiling),
		cmocka_unit_test(test_huge_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
