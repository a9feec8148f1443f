/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/lexer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/err.h"

/* Words with their line numbers; a bar marks the first word of a line: "|1a 1b |2c". */
static void test_lines(void **state)
{
	static const struct {
		const char *text, *want;
		int open_quote;
	} rows[] = {
		{ "", "", 0 },
		{ "a b\nc", "|1a 1b |2c", 0 },
		{ "\n\n a", "|3a", 0 },
		{ "\"a\nb\" c\nd", "|1a\nb 2c |3d", 0 },
		{ "\"a\n\n\" \"\n\" c\nd", "|1a\n\n 3\n 4c |5d", 0 },
		{ "a # \"x\n\"b\"", "|1a |2b", 0 },
		{ "a \"\" b", "|1a 1 1b", 0 },
		{ "a\n\"b\n", "|1a |2b\n", 2 },
		{ "a\n\"", "|1a", 2 },
		{ "a \"b\\", "|1a 1b", 1 },
		{ "a\r\n\"b\\\nc\"", "|1a |2b\\\nc", 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_arena a;
		struct nd_lexed x;
		struct nd_diag d = { 0 };
		struct nd_buf b;
		nd_arena_init(&a, 1 << 20);
		nd_buf_init(&b, 4096);
		assert_int_equal(nd_lexer_read("f", rows[i].text, strlen(rows[i].text), &a, &x, &d),
				 0);
		for (size_t k = 0; k < x.n; k++)
			nd_buf_printf(&b, "%s%s%d%s", k ? " " : "", x.at[k].starts_line ? "|" : "",
				      x.at[k].line, x.at[k].text);
		if (strcmp(nd_buf_string(&b), rows[i].want) != 0 ||
		    x.open_quote != rows[i].open_quote)
			fail_msg("row %zu: got %s, open quote %d", i, nd_buf_string(&b),
				 x.open_quote);
		nd_lexed_clear(&x);
		nd_buf_clear(&b);
		nd_arena_clear(&a);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
