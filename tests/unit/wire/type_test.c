/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "wire/type.h"

typedef int parse_fn(const char *text, size_t n);

static void test_types(void **state)
{
	static const struct {
		uint16_t number;
		const char *text;
	} rows[] = {
		{ ND_TYPE_A, "A" },     { ND_TYPE_NS, "NS" },       { ND_TYPE_AAAA, "AAAA" },
		{ ND_TYPE_SRV, "SRV" }, { ND_TYPE_HTTPS, "HTTPS" }, { ND_TYPE_CAA, "CAA" },
		{ ND_TYPE_ANY, "ANY" }, { ND_TYPE_IXFR, "IXFR" },   { 32769, "DLV" },
		{ 11, "TYPE11" },       { 259, "TYPE259" },         { 65280, "TYPE65280" },
	};
	char text[ND_NUMBER_TEXT_MAX];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		assert_string_equal(nd_type_text(rows[i].number, text), rows[i].text);
		assert_int_equal(nd_type_parse(rows[i].text, strlen(rows[i].text)), rows[i].number);
	}
	for (unsigned v = 1; v < 65535; v++) { /* every number, both ways */
		const char *t = nd_type_text((uint16_t)v, text);
		if (nd_type_parse(t, strlen(t)) != (int)v)
			fail_msg("%u: %s does not read back", v, t);
	}
}

static void test_parse(void **state)
{
	static const struct {
		parse_fn *parse;
		const char *text;
		int want;
	} rows[] = {
		{ nd_type_parse, "aaaa", 28 },
		{ nd_type_parse, "type1", 1 },
		{ nd_type_parse, "TYPE65535", 65535 },
		{ nd_type_parse, "TYPE65536", -1 },
		{ nd_type_parse, "TYPE", -1 },
		{ nd_type_parse, "TYPE-1", -1 },
		{ nd_type_parse, "", -1 },
		{ nd_type_parse, "AAA", -1 },
		{ nd_type_parse, "None", -1 },
		{ nd_type_parse, "A\0x", 1 },
		{ nd_type_class_parse, "in", 1 },
		{ nd_type_class_parse, "CH", 3 },
		{ nd_type_class_parse, "CLASS3", 3 },
		{ nd_type_class_parse, "NONE", 254 },
		{ nd_type_class_parse, "XX", -1 },
		{ nd_type_rcode_parse, "nxdomain", 3 },
		{ nd_type_rcode_parse, "NOTIMPL", 4 },
		{ nd_type_rcode_parse, "NOTIMP", 4 },
		{ nd_type_rcode_parse, "BADVERS", 16 },
		{ nd_type_rcode_parse, "BADSIG", 16 },
		{ nd_type_rcode_parse, "BADCOOKIE", 23 },
		{ nd_type_rcode_parse, "OOPS", -1 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		int got = rows[i].parse(rows[i].text, strlen(rows[i].text));
		if (got != rows[i].want)
			fail_msg("%s: got %d, want %d", rows[i].text, got, rows[i].want);
	}
	assert_int_equal(nd_type_parse("A\0xxxxxxxx", 10), -1);
}

static void test_texts(void **state)
{
	char text[ND_NUMBER_TEXT_MAX];
	(void)state;

	assert_string_equal(nd_type_class_text(1, text), "IN");
	assert_string_equal(nd_type_class_text(5, text), "CLASS5");
	assert_string_equal(nd_type_rcode_text(0, text), "NOERROR");
	assert_string_equal(nd_type_rcode_text(11, text), "DSOTYPENI");
	assert_string_equal(nd_type_rcode_text(12, text), "RCODE12");
	assert_string_equal(nd_type_rcode_text(4095, text), "RCODE4095");
	assert_string_equal(nd_type_opcode_text(4, text), "NOTIFY");
	assert_string_equal(nd_type_opcode_text(3, text), "OPCODE3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
