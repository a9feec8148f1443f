/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

static void test_grows(void **state)
{
	struct nd_buf b;
	(void)state;

	nd_buf_init(&b, 100000);
	assert_string_equal(nd_buf_string(&b), "");
	for (int i = 0; i < 10000; i++)
		assert_int_equal(nd_buf_add(&b, "0123456789", 10), 0);
	assert_int_equal(b.len, 100000);
	assert_int_equal(b.data[b.len], '\0');
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(b.data[i], '0' + (int)(i % 10));
	nd_buf_clear(&b);
	assert_null(b.data);
	assert_int_equal(nd_buf_text(&b, "again"), 0); /* the maximum is kept */
	nd_buf_clear(&b);
}

static void test_maximum_sticks(void **state)
{
	struct nd_buf b;
	(void)state;

	nd_buf_init(&b, 8);
	assert_int_equal(nd_buf_text(&b, "12345678"), 0);
	assert_int_equal(nd_buf_text(&b, ""), 0);
	assert_int_equal(nd_buf_text(&b, "9"), ND_ELIMIT);
	assert_string_equal(nd_buf_string(&b), "12345678");
	nd_buf_drop(&b, 4);
	assert_int_equal(nd_buf_text(&b, "x"), ND_ELIMIT); /* sticky, though there is room */
	assert_int_equal(nd_buf_printf(&b, "%d", 1), ND_ELIMIT);
	assert_null(nd_buf_room(&b, 1));
	assert_string_equal(nd_buf_string(&b), "5678");
	nd_buf_reset(&b);
	assert_string_equal(nd_buf_string(&b), "");
	assert_int_equal(nd_buf_text(&b, "x"), 0);
	assert_int_equal(nd_buf_add(&b, "", SIZE_MAX), ND_ELIMIT);
	nd_buf_clear(&b);
}

static void test_printf(void **state)
{
	char want[700];
	struct nd_buf b;
	(void)state;

	nd_buf_init(&b, 1000);
	assert_int_equal(nd_buf_printf(&b, "%s=%d;", "a", 1), 0);
	assert_int_equal(nd_buf_printf(&b, "%600d", 2), 0); /* longer than the current capacity */
	snprintf(want, sizeof want, "a=1;%600d", 2);
	assert_string_equal(nd_buf_string(&b), want);
	assert_int_equal(b.len, 604);
	assert_int_equal(nd_buf_printf(&b, "%600d", 3), ND_ELIMIT);
	assert_string_equal(nd_buf_string(&b), want);
	nd_buf_clear(&b);
}

static void test_drop_and_room(void **state)
{
	struct nd_buf b;
	(void)state;

	nd_buf_init(&b, 1000);
	nd_buf_drop(&b, 0);
	nd_buf_text(&b, "hello world");
	nd_buf_drop(&b, 6);
	assert_string_equal(nd_buf_string(&b), "world");
	char *to = nd_buf_room(&b, 300);
	assert_non_null(to);
	memset(to, '!', 300);
	b.len += 300;
	assert_int_equal(nd_buf_text(&b, "."), 0);
	assert_int_equal(b.len, 306);
	assert_memory_equal(b.data, "world!!!", 8);
	nd_buf_drop(&b, b.len);
	assert_string_equal(nd_buf_string(&b), "");
	nd_buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_maximum_sticks),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_drop_and_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
