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
#include "wire/name.h"

static void test_read(void **state)
{
	static const struct {
		const char *name, *wire;
		size_t len, at;
		int ret;
		const char *text; /* lower case */
		size_t after;
	} rows[] = {
		{ "root", "\0", 1, 0, 0, ".", 1 },
		{ "letters folded", "\3wWw\7eXAMPLE\3oRg\0", 17, 0, 0, "www.example.org.", 17 },
		{ "seven octets", "\5ABCDE\0", 7, 0, 0, "abcde.", 7 },
		{ "eight octets", "\6ABCDEF\0", 8, 0, 0, "abcdef.", 8 },
		{ "long label folded", "\16ABCDEFGHIJ[@Z`\0", 16, 0, 0, "abcdefghij[\\@z`.", 16 },
		{ "high octets unchanged", "\2\xc1\xda\0", 4, 0, 0, "\\193\\218.", 4 },
		{ "pointer back", "\1a\0\xc0\0", 5, 3, 0, "a.", 5 },
		{ "labels, then pointer", "\1A\0\1b\xc0\0z", 8, 3, 0, "b.a.", 7 },
		{ "two pointers", "\1a\0\1b\xc0\0\1c\xc0\3", 11, 7, 0, "c.b.a.", 11 },
		{ "pointer to self", "\xc0\0", 2, 0, ND_EFORMAT, NULL, 0 },
		{ "pointer into own labels", "\1a\xc0\0", 4, 0, ND_EFORMAT, NULL, 0 },
		{ "loop of two", "\1a\xc0\0\xc0\0", 6, 4, ND_EFORMAT, NULL, 0 },
		{ "pointer forward", "\xc0\2\0", 3, 0, ND_EFORMAT, NULL, 0 },
		{ "reserved 0x40", "\x41x\0", 3, 0, ND_EFORMAT, NULL, 0 },
		{ "reserved 0x80", "\x80x\0", 3, 0, ND_EFORMAT, NULL, 0 },
		{ "nothing", "", 0, 0, ND_ETRUNC, NULL, 0 },
		{ "truncated in a label", "\5abc", 4, 0, ND_ETRUNC, NULL, 0 },
		{ "truncated before the root", "\1a", 2, 0, ND_ETRUNC, NULL, 0 },
		{ "truncated in a pointer", "\1a\0\xc0", 4, 3, ND_ETRUNC, NULL, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_reader r = nd_reader_over(rows[i].wire, rows[i].len);
		struct nd_name_buf buf;
		struct nd_name name = { 0 };
		char text[ND_NAME_TEXT_MAX];
		r.pos += rows[i].at;
		int ret = nd_name_read(&r, true, &buf, &name);
		if (ret != rows[i].ret)
			fail_msg("%s: got %d, want %d", rows[i].name, ret, rows[i].ret);
		if (ret) {
			if (name.wire || nd_reader_offset(&r) != rows[i].at || r.err)
				fail_msg("%s: outputs touched", rows[i].name);
			continue;
		}
		nd_name_format(name, text);
		if (strcmp(text, rows[i].text) != 0 || nd_reader_offset(&r) != rows[i].after)
			fail_msg("%s: got %s at %zu", rows[i].name, text, nd_reader_offset(&r));
		struct nd_name view = nd_name_view(name.wire);
		if (view.len != name.len || view.labels != name.labels)
			fail_msg("%s: a view differs", rows[i].name);
		r.pos = r.base + rows[i].at;
		if (nd_name_skip(&r) != 0 || nd_reader_offset(&r) != rows[i].after)
			fail_msg("%s: skip stops at %zu", rows[i].name, nd_reader_offset(&r));
	}
}

static void test_read_keeps_letters(void **state)
{
	struct nd_reader r = nd_reader_over("\3WwW\0", 5);
	struct nd_name_buf buf;
	struct nd_name name;
	(void)state;

	assert_int_equal(nd_name_read(&r, false, &buf, &name), 0);
	assert_memory_equal(name.wire, "\3WwW\0", 5);
}

/* Case conversion works on several octets at once: tests each value at each position and
 * length. */
static void test_lower_all(void **state)
{
	uint8_t bytes[80], want[80];
	(void)state;

	for (size_t n = 0; n <= 70; n++)
		for (unsigned shift = 0; shift < 256; shift++) {
			for (size_t i = 0; i < sizeof bytes; i++) {
				bytes[i] = want[i] = (uint8_t)(i * 37 + shift);
				if (i < n && want[i] >= 'A' && want[i] <= 'Z')
					want[i] = (uint8_t)(want[i] + 'a' - 'A');
			}
			nd_name_lower(bytes, n);
			if (memcmp(bytes, want, sizeof bytes) != 0)
				fail_msg("%zu octets, shift %u", n, shift);
		}
}

static void test_longest(void **state)
{
	char text[300] = "";
	uint8_t wire[300];
	struct nd_name_buf buf;
	struct nd_name name;
	(void)state;

	for (int i = 0; i < 127; i++) {
		strcat(text, "a.");
		memcpy(wire + 2 * i, "\1a", 3);
	}
	struct nd_reader r = nd_reader_over(wire, 255);
	assert_int_equal(nd_name_read(&r, true, &buf, &name), 0);
	assert_int_equal(name.len, 255);
	assert_int_equal(name.labels, 127);
	assert_int_equal(nd_name_parse(text, false, &buf, &name), 0);
	assert_int_equal(name.len, 255);
	assert_int_equal(nd_name_prepend("b", 1, name, &buf, &name), ND_ELIMIT);

	memcpy(wire, "\2bb", 3);
	for (int i = 0; i < 126; i++)
		memcpy(wire + 3 + 2 * i, "\1a", 3);
	r = nd_reader_over(wire, 256);
	assert_int_equal(nd_name_read(&r, true, &buf, &name), ND_EFORMAT);
	r = nd_reader_over(wire, 256);
	assert_int_equal(nd_name_skip(&r), ND_EFORMAT);
	assert_int_equal(r.err, ND_EFORMAT);
	text[0] = 'b';
	memmove(text + 1, text, strlen(text) + 1);
	assert_int_equal(nd_name_parse(text, false, &buf, &name), ND_EFORMAT);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text, *origin, *want; /* want NULL: invalid */
	} rows[] = {
		{ ".", NULL, "." },
		{ "a", NULL, "a." },
		{ "a.", NULL, "a." },
		{ "a.b.C.", "example.", "a.b.C." },
		{ "a", "example.org.", "a.example.org." },
		{ "@", "example.org.", "example.org." },
		{ "@", NULL, "." },
		{ ".", "example.org.", "." },
		{ "*.a", NULL, "*.a." },
		{ "a\\.b.c", NULL, "a\\.b.c." },
		{ "a\\.", "example.", "a\\..example." },
		{ "\\065\\000\\255", NULL, "A\\000\\255." },
		{ "a\\@;(\\\"b", NULL, "a\\@\\;\\(\\\"b." },
		{ "x y", NULL, "x\\ y." },
		{ "a\\12", NULL, "a12." },
		{ "123456789012345678901234567890123456789012345678901234567890123", NULL,
		  "123456789012345678901234567890123456789012345678901234567890123." },
		{ "1234567890123456789012345678901234567890123456789012345678901234", NULL, NULL },
		{ "", NULL, NULL },
		{ "..", NULL, NULL },
		{ ".a", NULL, NULL },
		{ "a..b", NULL, NULL },
		{ "a..", NULL, NULL },
		{ "a\\", NULL, NULL },
		{ "a\\256", NULL, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf buf, origin_buf;
		struct nd_name name, origin = nd_name_root;
		char text[ND_NAME_TEXT_MAX];
		if (rows[i].origin)
			assert_int_equal(nd_name_parse(rows[i].origin, false, &origin_buf, &origin),
					 0);
		int ret = nd_name_parse_at(rows[i].text, strlen(rows[i].text),
					   rows[i].origin ? &origin : NULL, false, &buf, &name);
		if (ret != (rows[i].want ? 0 : ND_EFORMAT))
			fail_msg("%s: got %d", rows[i].text, ret);
		if (ret)
			continue;
		size_t n = nd_name_format(name, text);
		if (strcmp(text, rows[i].want) != 0 || n != strlen(text))
			fail_msg("%s: got %s", rows[i].text, text);
	}
}

static struct nd_name parsed(const char *text, struct nd_name_buf *buf)
{
	struct nd_name name;
	assert_int_equal(nd_name_parse(text, false, buf, &name), 0);
	return name;
}

static void test_under(void **state)
{
	static const struct {
		const char *name, *zone;
		bool folded, exact; /* under case-insensitively, and exactly */
	} rows[] = {
		{ "www.example.org.", "example.org.", true, true },
		{ "www.example.org.", "www.example.org.", true, true },
		{ "www.EXAMPLE.org.", "example.ORG.", true, false },
		{ "example.org.", "www.example.org.", false, false },
		{ "anexample.org.", "example.org.", false, false },
		{ "www.example.org.", ".", true, true },
		{ ".", ".", true, true },
		{ ".", "org.", false, false },
		{ "org.", "com.", false, false },
		/* the label ends in the octets of the zone, with \003 as a length */
		{ "a\\003org.", "org.", false, false },
		{ "a\\003org.b.", "org.b.", false, false },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf a, b;
		struct nd_name name = parsed(rows[i].name, &a), zone = parsed(rows[i].zone, &b);
		if (nd_name_under(name, zone) != rows[i].folded ||
		    nd_name_under_lower(name, zone) != rows[i].exact)
			fail_msg("%s under %s", rows[i].name, rows[i].zone);
	}
}

static void test_equal(void **state)
{
	struct nd_name_buf a, b;
	(void)state;

	assert_true(nd_name_equal(parsed("LONGER-than-8.Example.", &a),
				  parsed("longer-THAN-8.eXAMPLE.", &b)));
	assert_false(nd_name_equal(parsed("longer-than-8.example.", &a),
				   parsed("longer-than-9.example.", &b)));
	assert_false(nd_name_equal(parsed("a[.", &a),
				   parsed("a{.", &b))); /* differ by 0x20, but are not letters */
	assert_false(nd_name_equal(parsed("a@.", &a), parsed("a`.", &b)));
	assert_false(nd_name_equal(parsed("\\193.", &a), parsed("\\225.", &b)));
	assert_true(nd_name_same(parsed("a.b.", &a), parsed("a.b.", &b)));
	assert_false(nd_name_same(parsed("a.b.", &a), parsed("a.c.", &b)));
}

static void test_build(void **state)
{
	struct nd_name_buf a, b, c;
	struct nd_name name, www = parsed("www.", &a), zone = parsed("example.org.", &b);
	char text[ND_NAME_TEXT_MAX];
	(void)state;

	assert_int_equal(nd_name_join(www, zone, &c, &name), 0);
	nd_name_format(name, text);
	assert_string_equal(text, "www.example.org.");
	assert_int_equal(name.labels, 3);
	nd_name_format(nd_name_parent(name, 1), text);
	assert_string_equal(text, "example.org.");
	assert_true(nd_name_is_root(nd_name_parent(name, 3)));

	assert_int_equal(nd_name_prepend("x", 1, zone, &b, &name), 0); /* in place */
	nd_name_format(name, text);
	assert_string_equal(text, "x.example.org.");
	assert_int_equal(nd_name_prepend("", 0, zone, &c, &name), ND_EFORMAT);
	assert_int_equal(nd_name_prepend(text, 64, zone, &c, &name), ND_EFORMAT);
	name = nd_name_copy(www, &c);
	assert_ptr_equal(name.wire, c.bytes);
	assert_memory_equal(name.wire, "\3www", 5);
}

static void test_reverse(void **state)
{
	static const struct {
		const char *name;
		size_t n; /* 0: none */
		const char *address;
	} rows[] = {
		{ "4.3.2.1.in-addr.arpa.", 4, "\1\2\3\4" },
		{ "255.0.10.192.in-addr.arpa.", 4, "\xc0\12\0\xff" },
		{ "3.2.1.in-addr.arpa.", 0, NULL },
		{ "5.4.3.2.1.in-addr.arpa.", 0, NULL },
		{ "256.3.2.1.in-addr.arpa.", 0, NULL },
		{ "04.3.2.1.in-addr.arpa.", 0, NULL },
		{ "a.3.2.1.in-addr.arpa.", 0, NULL },
		{ "4.3.2.1.in-addr.arpb.", 0, NULL },
		{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", 16,
		  "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1" },
		{ "g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", 0,
		  NULL },
		{ "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", 0,
		  NULL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf buf;
		uint8_t address[16];
		char text[ND_NAME_TEXT_MAX];
		size_t n = 0;
		bool is = nd_name_reverse_address(parsed(rows[i].name, &buf), address, &n);
		if (is != (rows[i].n != 0) || n != rows[i].n ||
		    (n && memcmp(address, rows[i].address, n) != 0))
			fail_msg("%s: read wrong", rows[i].name);
		if (!is)
			continue;
		nd_name_format(nd_name_from_address(address, n, &buf), text);
		assert_string_equal(text, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),      cmocka_unit_test(test_read_keeps_letters),
		cmocka_unit_test(test_lower_all), cmocka_unit_test(test_longest),
		cmocka_unit_test(test_parse),     cmocka_unit_test(test_under),
		cmocka_unit_test(test_equal),     cmocka_unit_test(test_build),
		cmocka_unit_test(test_reverse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
