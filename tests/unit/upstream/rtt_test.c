/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "io/clock.h"
#include "upstream/rtt.h"

#define MS(n) ((uint64_t)(n)*ND_NS_PER_MS)

static void test_timer(void **state)
{
	static const struct {
		const char *name;
		uint64_t quantile_ms;
		unsigned sends;
		uint64_t want_ms;
	} rows[] = {
		{ "nothing known", 0, 1, 250 },
		{ "nothing known, twice", 0, 2, 500 },
		{ "floor", 1, 1, 10 },
		{ "floor doubles", 1, 2, 20 },
		{ "half as long again", 100, 1, 150 },
		{ "doubling", 100, 3, 600 },
		{ "ceiling", 100, 4, 1000 },
		{ "no overflow", 1000, 200, 1000 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct nd_rtt r = { .quantile_ns = MS(rows[i].quantile_ms) };
		uint64_t got = nd_rtt_timer_ns(&r, rows[i].sends);
		if (got != MS(rows[i].want_ms))
			fail_msg("%s: got %llu ns, want %llu ms", rows[i].name,
				 (unsigned long long)got, (unsigned long long)rows[i].want_ms);
	}
}

/* Nine of ten replies take 2 ms (cached upstream), one 80 ms: the estimate must cover both. */
static void test_bimodal(void **state)
{
	struct nd_rtt r = { 0 };
	unsigned above = 0;
	(void)state;

	for (unsigned i = 0; i < 5000; i++) {
		uint64_t ns = i % 10 == 3 ? MS(80) : MS(2);
		if (i >= 1000)
			above += ns > nd_rtt_timer_ns(&r, 1);
		nd_rtt_sample(&r, ns);
	}
	/* At most one retransmission in fifty queries. */
	assert_true(above <= 80);
	assert_true(nd_rtt_timer_ns(&r, 1) < MS(300));
}

static void test_follows_down_and_up(void **state)
{
	struct nd_rtt r = { 0 };
	(void)state;

	for (unsigned i = 0; i < 20; i++)
		nd_rtt_sample(&r, MS(200));
	assert_true(nd_rtt_timer_ns(&r, 1) > MS(200));
	for (unsigned i = 0; i < 1000; i++)
		nd_rtt_sample(&r, MS(1));
	assert_int_equal(nd_rtt_timer_ns(&r, 1), MS(10));
	/* Timers that fire raise the estimate without a sample; otherwise Karn's algorithm would
	 * freeze it. */
	for (unsigned i = 0; i < 30; i++)
		nd_rtt_add_timeout(&r);
	assert_int_equal(r.quantile_ns, MS(1000));
}

/* Where slow names set the quantile, a lost packet must not cost as much. */
static void test_first_is_limited(void **state)
{
	static const struct {
		const char *name;
		uint64_t quantile_ms, low_ms;
		unsigned sends;
		uint64_t want_ms;
	} rows[] = {
		{ "near server, slow names", 1000, 1, 1, 150 },
		{ "doubled from there", 1000, 1, 2, 300 },
		{ "and up to the ceiling", 1000, 1, 4, 1000 },
		{ "far server", 1000, 80, 1, 320 },
		{ "far server without slow names", 120, 100, 1, 180 },
		{ "slow server", 1000, 900, 1, 1000 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct nd_rtt r = { .quantile_ns = MS(rows[i].quantile_ms),
				    .low_ns = MS(rows[i].low_ms) };
		uint64_t got = nd_rtt_timer_ns(&r, rows[i].sends);
		if (got != MS(rows[i].want_ms))
			fail_msg("%s: got %llu ns, want %llu ms", rows[i].name,
				 (unsigned long long)got, (unsigned long long)rows[i].want_ms);
	}
}

static void test_missed_of_nothing_known(void **state)
{
	struct nd_rtt r = { 0 };
	(void)state;

	nd_rtt_add_timeout(&r);
	assert_int_equal(nd_rtt_timer_ns(&r, 1), MS(250));
	nd_rtt_sample(&r, MS(20));
	assert_int_equal(nd_rtt_timer_ns(&r, 1), MS(60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_bimodal),
		cmocka_unit_test(test_follows_down_and_up),
		cmocka_unit_test(test_first_is_limited),
		cmocka_unit_test(test_missed_of_nothing_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
