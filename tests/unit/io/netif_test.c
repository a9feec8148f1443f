/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/netif.h"

static bool has(const struct nd_addr *addrs, size_t n, const char *text)
{
	char got[ND_ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(nd_addr_port(&addrs[i]), 0);
		nd_addr_format_ip(&addrs[i], got);
		if (strcmp(got, text) == 0)
			return true;
	}
	return false;
}

static void test_addresses(void **state)
{
	struct nd_arena a;
	struct nd_addr *lo = NULL, *all = NULL;
	size_t n, many;
	(void)state;

	nd_arena_init(&a, 1 << 20);
	assert_int_equal(nd_netif_addresses("lo", &a, &lo, &n), 0);
	assert_true(has(lo, n, "127.0.0.1"));
	assert_int_equal(nd_netif_addresses(NULL, &a, &all, &many), 0);
	assert_true(has(all, many, "127.0.0.1"));
	assert_true(many >= n);
	assert_int_equal(nd_netif_addresses("nosuchif0", &a, &all, &many), -ENODEV);
	nd_arena_clear(&a);

	nd_arena_init(&a, 1);
	assert_int_equal(nd_netif_addresses("lo", &a, &lo, &n), ND_ELIMIT);
	nd_arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
