/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/random.h"

/* Every byte value occurs, in small and in large pieces; successive pieces differ. */
static void test_bytes(void **state)
{
	static const size_t sizes[] = { 2, 7, 255, 256, 257, 5000 };
	(void)state;

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		uint8_t piece[5000], last[5000] = { 0 };
		unsigned seen[256] = { 0 }, same = 0, values = 0;
		for (size_t n = 0; n < 20000; n += sizes[s]) {
			nd_random_bytes(piece, sizes[s]);
			same += memcmp(piece, last, sizes[s]) == 0;
			memcpy(last, piece, sizes[s]);
			for (size_t i = 0; i < sizes[s]; i++)
				seen[piece[i]]++;
		}
		for (size_t i = 0; i < 256; i++)
			values += seen[i] != 0;
		assert_int_equal(values, 256);
		assert_true(same <= 3); /* of 10,000 pieces of two bytes */
	}
}

static void test_below(void **state)
{
	static const uint32_t bounds[] = { 1, 2, 3, 7, 10 };
	(void)state;

	for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
		uint32_t n = bounds[b], count[10] = { 0 };
		for (uint32_t i = 0; i < 1000 * n; i++) {
			uint32_t x = nd_random_below(n);
			assert_true(x < n);
			count[x]++;
		}
		for (uint32_t i = 0; i < n; i++)
			assert_in_range(count[i], 700, 1300); /* 9 standard deviations */
	}
	for (int i = 0; i < 1000; i++)
		assert_true(nd_random_below(0xfffffff0u) < 0xfffffff0u);
}

/* A child process must not use the same bytes as its parent. */
static void test_fork(void **state)
{
	int ends[2];
	uint32_t ours, theirs;
	(void)state;

	nd_random_u32();
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		theirs = nd_random_u32();
		_exit(write(ends[1], &theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
	}
	assert_int_equal(read(ends[0], &theirs, sizeof theirs), sizeof theirs);
	ours = nd_random_u32();
	assert_true(ours != theirs);
	waitpid(child, NULL, 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_fork),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
