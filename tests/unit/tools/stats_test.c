/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/err.h"
#include "tools/bench/stats.h"

static const struct nd_outcome ok = { ND_OUTCOME_OK, 0 };

static struct nd_stats *fresh(uint64_t limit_ns)
{
	struct nd_stats *s = calloc(1, sizeof *s);

	assert_non_null(s);
	nd_stats_init(s, limit_ns);
	return s;
}

static void test_counts(void **state)
{
	struct nd_stats *s = fresh(5000);
	(void)state;

	nd_stats_add(s, ok, 10);
	nd_stats_add(s, ok, 4999);
	nd_stats_add(s, (struct nd_outcome){ ND_OUTCOME_TIMEOUT, 0 }, 5000);
	nd_stats_add(s, (struct nd_outcome){ ND_OUTCOME_RCODE, 3 }, 20);
	nd_stats_add(s, (struct nd_outcome){ ND_OUTCOME_RCODE, 70000 }, 20);
	assert_int_equal(s->requests, 5);
	assert_int_equal(s->errors, 3);
	assert_int_equal(s->slow, 1);
	assert_int_equal(s->ended[ND_OUTCOME_RCODE][3], 1);
	assert_int_equal(s->ended[ND_OUTCOME_RCODE][0], 1);
	assert_int_equal(s->min_ns, 10);
	assert_int_equal(s->max_ns, 5000);
	assert_int_equal(s->sum_ns, 10 + 4999 + 5000 + 20 + 20);
	free(s);
}

static void test_unfinished(void **state)
{
	struct nd_stats *s = fresh(5000);
	(void)state;

	nd_stats_add(s, (struct nd_outcome){ ND_OUTCOME_STOPPED, 0 }, 4999);
	assert_int_equal(s->requests, 0);
	nd_stats_add(s, (struct nd_outcome){ ND_OUTCOME_STOPPED, 0 }, 5000);
	assert_int_equal(s->requests, 1);
	assert_int_equal(s->errors, 1);
	assert_int_equal(s->slow, 1);
	assert_int_equal(s->unfinished, 2);
	free(s);
}

static void test_quantiles(void **state)
{
	static const double quantiles[] = { 0.001, 0.5, 0.9, 0.99, 0.999, 1 };
	struct nd_stats *s = fresh(UINT64_MAX);
	(void)state;

	assert_int_equal(nd_stats_quantile(s, 0.5), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		nd_stats_add(s, ok, i * 1000);
	for (size_t i = 0; i < ND_COUNT(quantiles); i++) {
		double want = quantiles[i] * 1e8, got = (double)nd_stats_quantile(s, quantiles[i]);
		if (got < want || got > want * 1.01)
			fail_msg("quantile %g: got %g, want %g", quantiles[i], got, want);
	}
	assert_int_equal(nd_stats_quantile(s, 1), 100000000);
	free(s);
}

static void test_extremes(void **state)
{
	struct nd_stats *s = fresh(1);
	(void)state;

	nd_stats_add(s, ok, 0);
	assert_int_equal(nd_stats_quantile(s, 1), 0);
	nd_stats_add(s, ok, UINT64_MAX);
	assert_true(nd_stats_quantile(s, 1) == UINT64_MAX);
	assert_int_equal(nd_stats_quantile(s, 0.5), 0);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_extremes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
