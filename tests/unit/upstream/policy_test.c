/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "upstream/policy.h"

static void check_permutation(const uint8_t *order, size_t n)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < n; i++)
		seen |= (uint32_t)1 << order[i];
	assert_int_equal(seen, (uint32_t)(((uint64_t)1 << n) - 1));
}

/* The model is CoreDNS's: list[turn % n], then the others as configured. */
static void test_round_robin(void **state)
{
	uint8_t order[ND_POLICY_HOSTS_MAX], want[ND_POLICY_HOSTS_MAX];
	(void)state;

	for (size_t n = 1; n <= ND_POLICY_HOSTS_MAX; n++) {
		for (uint32_t turn = 1; turn <= 2 * n; turn++) {
			size_t k = 0;
			want[k++] = (uint8_t)(turn % n);
			for (size_t i = 0; i < n; i++)
				if (i != turn % n)
					want[k++] = (uint8_t)i;
			nd_policy_order(ND_POLICY_ROUND_ROBIN, n, 0, turn, order);
			assert_memory_equal(order, want, n);
		}
	}
}

static void test_sequential(void **state)
{
	static const uint8_t want[] = { 0, 1, 2, 3 };
	uint8_t order[ND_POLICY_HOSTS_MAX];
	(void)state;

	for (uint32_t suspect = 0; suspect < 16; suspect++) {
		nd_policy_order(ND_POLICY_SEQUENTIAL, 4, suspect, suspect, order);
		assert_memory_equal(order, want, sizeof want);
	}
}

/* All 24 orders of four occur, about equally often. */
static void test_random_is_even(void **state)
{
	enum { RUNS = 24000 };
	unsigned count[256] = { 0 }, kinds = 0;
	uint8_t order[ND_POLICY_HOSTS_MAX];
	(void)state;

	for (unsigned i = 0; i < RUNS; i++) {
		nd_policy_order(ND_POLICY_RANDOM, 4, 0, 0, order);
		check_permutation(order, 4);
		count[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
	}
	for (unsigned i = 0; i < ND_COUNT(count); i++) {
		kinds += count[i] > 0;
		/* 1000 expected; eight standard deviations are 250. */
		assert_true(count[i] == 0 || (count[i] > 750 && count[i] < 1250));
	}
	assert_int_equal(kinds, 24);
}

static void test_random_puts_suspects_last(void **state)
{
	uint8_t order[ND_POLICY_HOSTS_MAX];
	(void)state;

	for (unsigned run = 0; run < 200; run++) {
		for (uint32_t suspect = 0; suspect < 32; suspect++) {
			unsigned bad = (unsigned)__builtin_popcount(suspect);
			nd_policy_order(ND_POLICY_RANDOM, 5, suspect, 0, order);
			check_permutation(order, 5);
			for (unsigned i = 0; i < 5; i++)
				assert_int_equal(suspect >> order[i] & 1, i >= 5 - bad);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_robin),
		cmocka_unit_test(test_sequential),
		cmocka_unit_test(test_random_is_even),
		cmocka_unit_test(test_random_puts_suspects_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
