/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"

enum { MAX = 1 << 20 };

static void test_pieces(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 2000, 5000, 8192, 40000, 3 };
	unsigned char *piece[ND_COUNT(sizes) * 8];
	struct nd_arena a;
	size_t n = 0;
	(void)state;

	nd_arena_init(&a, MAX);
	for (int round = 0; round < 8; round++) {
		for (size_t i = 0; i < ND_COUNT(sizes); i++, n++) {
			unsigned char *p = piece[n] = nd_arena_alloc(&a, sizes[i]);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(p[k], 0);
			memset(p, (int)n + 1, sizes[i]);
		}
	}
	for (size_t i = 0; i < n; i++) /* the pieces do not overlap */
		for (size_t k = 0; k < sizes[i % ND_COUNT(sizes)]; k++)
			assert_int_equal(piece[i][k], (unsigned char)(i + 1));
	nd_arena_clear(&a);
	assert_int_equal(a.used, 0);
	nd_arena_clear(&a);
	assert_non_null(nd_arena_alloc(&a, 10)); /* usable again after clear */
	nd_arena_clear(&a);
}

/* After a reset the pieces are zeroed again, and come from the chunk that was kept. */
static void test_reset(void **state)
{
	struct nd_arena a;
	(void)state;

	nd_arena_init(&a, MAX);
	nd_arena_reset(&a);
	unsigned char *first = nd_arena_alloc(&a, 100);
	assert_non_null(first);
	memset(first, 0xff, 100);
	nd_arena_reset(&a);
	assert_int_equal(a.used, 0);
	unsigned char *again = nd_arena_alloc(&a, 100);
	assert_ptr_equal(again, first);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(again[i], 0);
	/* Several chunks and a large piece: one small chunk at most remains. */
	for (size_t i = 0; i < 1000; i++)
		assert_non_null(nd_arena_alloc(&a, 100));
	assert_non_null(nd_arena_alloc(&a, 50000));
	nd_arena_reset(&a);
	assert_int_equal(a.used, 0);
	nd_arena_clear(&a);
	assert_non_null(nd_arena_alloc(&a, 50000));
	nd_arena_reset(&a);
	assert_null(a.chunk); /* a large piece is not kept */
}

static void test_maximum(void **state)
{
	struct nd_arena a;
	size_t got = 0;
	(void)state;

	nd_arena_init(&a, 4096);
	while (nd_arena_alloc(&a, 100))
		got += 100;
	assert_in_range(got, 3000, 4096);
	assert_true(a.used <= a.max);
	assert_null(nd_arena_alloc(&a, 4096));
	assert_null(nd_arena_alloc(&a, SIZE_MAX));
	assert_null(nd_arena_array(&a, SIZE_MAX / 2, 3)); /* the product overflows */
	nd_arena_clear(&a);
	assert_non_null(nd_arena_alloc(&a, 4096));
	assert_null(nd_arena_alloc(&a, 1));
	nd_arena_clear(&a);
}

static void test_text(void **state)
{
	struct nd_arena a;
	char big[20000];
	(void)state;

	nd_arena_init(&a, MAX);
	assert_string_equal(nd_arena_text(&a, "abcdef", 3), "abc");
	assert_string_equal(nd_arena_text(&a, NULL, 0), "");
	assert_string_equal(nd_arena_string(&a, "whole"), "whole");
	assert_memory_equal(nd_arena_copy(&a, "a\0b", 3), "a\0b", 3);
	assert_string_equal(nd_arena_printf(&a, "%d-%s", 7, "x"), "7-x");
	memset(big, 'y', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	assert_string_equal(nd_arena_printf(&a, "%s", big), big);
	int *array = nd_arena_array(&a, 3, sizeof *array);
	assert_int_equal(array[0] | array[1] | array[2], 0);
	nd_arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
