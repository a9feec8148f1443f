/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/time.h"
#include "io/h2_flood.h"
#include "io/httpc.h"

enum { BYTES = 100000 };

/* A PING every second, and data now and then, for a month. */
static void test_quiet(void **state)
{
	struct nd_h2_flood f;
	(void)state;

	nd_h2_flood_init(&f, BYTES, 0);
	for (uint64_t s = 0; s < 30 * 86400; s++) {
		assert_true(nd_h2_flood_frame(&f, ND_S(s)));
		assert_true(nd_h2_flood_bytes(&f, 17, ND_S(s)));
	}
}

/* Any number of frames with data is not a flood, however fast. */
static void test_data(void **state)
{
	struct nd_h2_flood f;
	(void)state;

	nd_h2_flood_init(&f, BYTES, 0);
	for (int i = 0; i < 1000000; i++) {
		assert_true(nd_h2_flood_frame(&f, 0));
		assert_true(nd_h2_flood_bytes(&f, 10, 0));
		nd_h2_flood_useful(&f, 1);
	}
}

/* Frames without data end even a connection that was quiet for an hour, after two bursts. */
static void test_frames(void **state)
{
	struct nd_h2_flood f;
	unsigned n = 0;
	(void)state;

	nd_h2_flood_init(&f, BYTES, 0);
	while (nd_h2_flood_frame(&f, ND_S(3600)))
		n++;
	assert_in_range(n, ND_HTTPC_FRAMES_MAX, 2 * ND_HTTPC_FRAMES_MAX + 1);
	/* Twice as fast as is forgiven. */
	nd_h2_flood_init(&f, BYTES, 0);
	for (n = 0; nd_h2_flood_frame(&f, n * ND_S(1) / (2 * ND_HTTPC_FRAMES_PER_S)); n++)
		assert_true(n < 5 * ND_HTTPC_FRAMES_MAX);
}

static void test_bytes(void **state)
{
	struct nd_h2_flood f;
	unsigned n = 0;
	(void)state;

	nd_h2_flood_init(&f, BYTES, 0);
	while (nd_h2_flood_bytes(&f, 1000, ND_MS(1)))
		n++;
	assert_int_equal(n, BYTES / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
