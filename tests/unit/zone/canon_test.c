/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical order of RFC 4034 s6.1, and a prefix that never contradicts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "wire/name.h"
#include "zone/canon.h"

/* The example of the RFC, and names whose labels contain the bytes 0 and 1, in order. */
static const char *const sorted[] = {
	".",
	"a\\000z.",
	"a\\001a.",
	"example.",
	"a.example.",
	"yljkjljk.a.example.",
	"z.a.example.",
	"zabc.a.example.",
	"a\\000.example.",
	"a\\000b.example.",
	"x.a\\000b.example.",
	"a\\001.example.",
	"aa.example.",
	"z.example.",
	"\\001.z.example.",
	"*.z.example.",
	"\\200.z.example.",
	"zz.example.",
};

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static struct nd_name parse(const char *text, struct nd_name_buf *buf)
{
	struct nd_name name;

	assert_int_equal(nd_name_parse(text, true, buf, &name), 0);
	return name;
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ND_COUNT(sorted); i++) {
		for (size_t j = 0; j < ND_COUNT(sorted); j++) {
			struct nd_name_buf x, y;
			struct nd_name a = parse(sorted[i], &x), b = parse(sorted[j], &y);
			int c = nd_canon_compare(a.wire, a.len - 1u, b.wire, b.len - 1u);
			if (sign(c) != sign((int)i - (int)j))
				fail_msg("%s and %s: %d", sorted[i], sorted[j], c);
			if (i < j && nd_canon_prefix(a.wire, a.len - 1u) >
					     nd_canon_prefix(b.wire, b.len - 1u))
				fail_msg("prefixes of %s and %s", sorted[i], sorted[j]);
		}
	}
}

static void test_common(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned n;
	} rows[] = {
		{ ".", "a.", 0 },          { "a.b.c.", "x.b.c.", 2 }, { "b.c.", "a.b.c.", 2 },
		{ "a.b.c.", "a.b.c.", 3 }, { "ab.c.", "b.c.", 1 },    { "a.b.", "a.c.", 0 },
	};
	(void)state;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf x, y;
		struct nd_name a = parse(rows[i].a, &x), b = parse(rows[i].b, &y);
		unsigned n = nd_canon_common(a.wire, a.len - 1u, b.wire, b.len - 1u);
		if (n != rows[i].n)
			fail_msg("%s and %s: %u", rows[i].a, rows[i].b, n);
		assert_int_equal(nd_canon_labels(a.wire, a.len - 1u), a.labels);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_common),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
