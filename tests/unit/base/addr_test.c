/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/err.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {
		{ "1.2.3.4", "1.2.3.4:53" },
		{ "1.2.3.4:5353", "1.2.3.4:5353" },
		{ "1.2.3.4:0", "1.2.3.4:0" },
		{ "::1", "[::1]:53" },
		{ "[::1]", "[::1]:53" },
		{ "[::1]:5353", "[::1]:5353" },
		{ "2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:53" },
		{ "::ffff:1.2.3.4", "[::ffff:1.2.3.4]:53" },
		{ "", NULL },
		{ "1.2.3", NULL },
		{ "1.2.3.256", NULL },
		{ "01.2.3.4", NULL },
		{ "1.2.3.4:", NULL },
		{ "1.2.3.4:65536", NULL },
		{ "1.2.3.4:x", NULL },
		{ "1.2.3.4:53x", NULL },
		{ "1.2.3.4:-1", NULL },
		{ "[1.2.3.4", NULL },
		{ "[::1]x", NULL },
		{ "[::1]:", NULL },
		{ "[::1]:99999", NULL },
		{ "::1::2", NULL },
		{ "example.org", NULL },
		{ "fe80::1%", NULL },
		{ "fe80::1%no such scope", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_addr a = { .len = 0 };
		char text[ND_ADDR_TEXT_MAX];
		int ret = nd_addr_parse(rows[i].text, 53, &a);
		if (ret != (rows[i].want ? 0 : ND_EFORMAT))
			fail_msg("%s: got %d", rows[i].text, ret);
		if (ret) {
			assert_int_equal(a.len, 0);
			continue;
		}
		size_t n = nd_addr_format(&a, text);
		if (strcmp(text, rows[i].want) != 0 || n != strlen(text))
			fail_msg("%s: got %s", rows[i].text, text);
	}
}

static void test_parse_ip(void **state)
{
	struct nd_addr a;
	char text[ND_ADDR_TEXT_MAX];
	(void)state;

	assert_int_equal(nd_addr_parse_ip("10.0.0.1:53", 1, &a), ND_EFORMAT);
	assert_int_equal(nd_addr_parse_ip("[::1]", 1, &a), ND_EFORMAT);
	assert_int_equal(nd_addr_parse_ip("fe80::1%7", 1, &a), 0);
	assert_int_equal(a.in6.sin6_scope_id, 7);
	assert_int_equal(nd_addr_parse_ip("10.0.0.1", 7, &a), 0);
	assert_int_equal(nd_addr_port(&a), 7);
	nd_addr_set_port(&a, 65535);
	assert_int_equal(nd_addr_port(&a), 65535);
	assert_int_equal(nd_addr_format_ip(&a, text), 8);
	assert_string_equal(text, "10.0.0.1");
	a.len = 0;
	assert_int_equal(nd_addr_format_ip(&a, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(nd_addr_port(&a), 0);
}

static struct nd_addr parsed(const char *text)
{
	struct nd_addr a;
	assert_int_equal(nd_addr_parse(text, 53, &a), 0);
	return a;
}

static void test_compare(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{ "1.2.3.4", "1.2.3.4:53", true },
		{ "1.2.3.4", "1.2.3.4:54", false },
		{ "1.2.3.4", "1.2.3.5", false },
		{ "::1", "[::1]:53", true },
		{ "::1", "::2", false },
		{ "fe80::1%1", "fe80::1%2", false },
		{ "1.2.3.4", "::ffff:1.2.3.4", false },
	};
	struct nd_addr none = { .len = 0 };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_addr a = parsed(rows[i].a), b = parsed(rows[i].b);
		if (nd_addr_equal(&a, &b) != rows[i].equal || nd_addr_equal(&a, &none))
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
	assert_true(nd_addr_equal(&none, &none));
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
		bool any, loopback;
	} rows[] = {
		{ "0.0.0.0", 4, true, false },   { "::", 16, true, false },
		{ "127.0.0.1", 4, false, true }, { "127.9.9.9", 4, false, true },
		{ "::1", 16, false, true },      { "128.0.0.1", 4, false, false },
		{ "::2", 16, false, false },     { "::ffff:127.0.0.1", 4, false, true },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_addr a = parsed(rows[i].text);
		size_t n;
		nd_addr_bytes(&a, &n);
		if (n != rows[i].bytes || nd_addr_is_any(&a) != rows[i].any ||
		    nd_addr_is_loopback(&a) != rows[i].loopback)
			fail_msg("%s", rows[i].text);
	}
	struct nd_addr a = parsed("::ffff:1.2.3.4");
	size_t n;
	assert_memory_equal(nd_addr_bytes(&a, &n), "\1\2\3\4", 4);
}

static void test_cidr(void **state)
{
	static const struct {
		const char *net, *addr;
		bool has;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.1.2.3/8", "10.9.9.9", true }, /* host bits are cleared */
		{ "0.0.0.0/0", "203.0.113.1", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "::1", true },
		{ "::/0", "1.2.3.4", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "10.0.0.0/8", "::ffff:10.0.0.1", true },
	};
	static const char *const bad[] = {
		"",       "10.0.0.0/33", "10.0.0.0/",    "10.0.0.0/x",   "10.0.0/8",
		"::/129", "/8",          "fe80::1%1/64", "10.0.0.0/8/8", "10.0.0.0/-1",
	};
	struct nd_cidr net;
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_addr a = parsed(rows[i].addr);
		assert_int_equal(nd_cidr_parse(rows[i].net, &net), 0);
		if (nd_cidr_has(&net, &a) != rows[i].has)
			fail_msg("%s and %s", rows[i].net, rows[i].addr);
	}
	for (size_t i = 0; i < ND_COUNT(bad); i++)
		if (nd_cidr_parse(bad[i], &net) != ND_EFORMAT)
			fail_msg("%s was taken", bad[i]);
	assert_int_equal(nd_cidr_parse("10.255.255.255/9", &net), 0);
	assert_memory_equal(net.bytes, "\12\x80\0\0", 4);
	assert_int_equal(net.bits, 9);
	assert_int_equal(net.len, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),   cmocka_unit_test(test_parse_ip),
		cmocka_unit_test(test_compare), cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_cidr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
