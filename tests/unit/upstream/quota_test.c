/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/time.h"
#include "upstream/quota.h"

#define START ND_S(1000)

static unsigned take_all(struct nd_quota *q, bool first, uint64_t now_ns)
{
	unsigned n = 0;

	while (n < 10000 && nd_quota_take(q, first, now_ns))
		n++;
	return n;
}

static void ask(struct nd_quota *q, unsigned n, uint64_t now_ns)
{
	for (unsigned i = 0; i < n; i++)
		nd_quota_ask(q, now_ns);
}

static void test_a_few_and_a_tenth(void **state)
{
	struct nd_quota none = { 0 }, q = { 0 };
	(void)state;

	assert_int_equal(take_all(&none, true, START), ND_QUOTA_FEW);
	ask(&q, 200, START);
	assert_int_equal(take_all(&q, true, START), ND_QUOTA_FEW + 20);
	assert_false(nd_quota_take(&q, true, START + ND_MS(500)));
}

/* Second repetitions leave half for the first ones of others. */
static void test_later_ones_get_half(void **state)
{
	struct nd_quota q = { 0 };
	(void)state;

	ask(&q, 200, START);
	assert_int_equal(take_all(&q, false, START), (ND_QUOTA_FEW + 20) / 2);
	assert_int_equal(take_all(&q, true, START), (ND_QUOTA_FEW + 20) / 2);
}

static void test_a_second_later(void **state)
{
	struct nd_quota q = { 0 };
	(void)state;

	ask(&q, 200, START);
	take_all(&q, true, START);
	assert_int_equal(take_all(&q, true, START + ND_S(1)), ND_QUOTA_FEW);
	assert_int_equal(take_all(&q, true, START + ND_S(100)), ND_QUOTA_FEW);
}

/* Whatever the order of calls, no window of seven parts of a second has more than allowed. */
static void test_any_window(void **state)
{
	enum { STEPS = 4000, STEP_MS = 5, WINDOW = 875 / STEP_MS, ASKED = 1000 / STEP_MS };
	static unsigned asked[STEPS], taken[STEPS];
	struct nd_quota q = { 0 };
	(void)state;

	srand(3);
	for (int i = 0; i < STEPS; i++) {
		uint64_t now = START + (uint64_t)i * ND_MS(STEP_MS);
		unsigned in_window = 0, in_second = 0;
		asked[i] = (unsigned)rand() % (i / 500 % 2 ? 20 : 2);
		ask(&q, asked[i], now);
		for (unsigned k = (unsigned)rand() % 8; k; k--)
			taken[i] += nd_quota_take(&q, rand() % 2, now);
		for (int k = i; k >= 0 && k > i - WINDOW; k--)
			in_window += taken[k];
		for (int k = i; k >= 0 && k > i - ASKED; k--)
			in_second += asked[k];
		if (taken[i])
			assert_true(in_window <= ND_QUOTA_FEW + in_second / ND_QUOTA_QUESTIONS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_few_and_a_tenth),
		cmocka_unit_test(test_later_ones_get_half),
		cmocka_unit_test(test_a_second_later),
		cmocka_unit_test(test_any_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
