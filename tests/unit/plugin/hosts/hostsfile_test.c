/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, fields, wildcards and zones of a hosts file, as CoreDNS reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/addr.h"
#include "base/budget.h"
#include "base/buf.h"
#include "base/err.h"
#include "plugin/hosts/hostsfile.h"

static struct nd_hostsfile *parse(const char *text, const char *zone, bool reverse)
{
	struct nd_name_buf buf;
	struct nd_name name;

	assert_int_equal(nd_name_parse(zone, true, &buf, &name), 0);
	struct nd_hostsfile *h = nd_hostsfile_parse(text, strlen(text), &name, 1, reverse);
	assert_non_null(h);
	return h;
}

/* The addresses of a name: "10.0.0.1 10.0.0.2". */
static void addresses(const struct nd_hostsfile *h, const char *name, int family, char text[512])
{
	struct nd_name_buf buf;
	struct nd_name n;
	const uint8_t *a;

	assert_int_equal(nd_name_parse(name, true, &buf, &n), 0);
	struct nd_hostsfile_list l = nd_hostsfile_addresses(h, n, family);
	text[0] = '\0';
	while ((a = nd_hostsfile_next(&l)) != NULL) {
		char ip[ND_ADDR_TEXT_MAX];
		struct nd_addr addr = nd_addr_from(family == 6 ? AF_INET6 : AF_INET, a, 0);
		nd_addr_format_ip(&addr, ip);
		snprintf(text + strlen(text), 512 - strlen(text), "%s%s", *text ? " " : "", ip);
	}
}

static void names(const struct nd_hostsfile *h, const char *address, char text[512])
{
	struct nd_addr addr;
	size_t len;
	const uint8_t *wire;

	assert_int_equal(nd_addr_parse_ip(address, 0, &addr), 0);
	const uint8_t *bytes = nd_addr_bytes(&addr, &len);
	struct nd_hostsfile_list l = nd_hostsfile_names(h, bytes, len);
	text[0] = '\0';
	while ((wire = nd_hostsfile_next(&l)) != NULL) {
		char one[ND_NAME_TEXT_MAX];
		nd_name_format(nd_name_view(wire), one);
		snprintf(text + strlen(text), 512 - strlen(text), "%s%.200s", *text ? " " : "",
			 one);
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *what, *text, *name, *four, *six;
	} rows[] = {
		{ "one", "10.0.0.1 a.test", "a.test", "10.0.0.1", "" },
		{ "six", "2001:db8::1 a.test\n", "a.test", "", "2001:db8::1" },
		{ "both, in order", "10.0.0.2 a\n::2 a\n10.0.0.1 a\n::1 a\n", "a",
		  "10.0.0.2 10.0.0.1", "::2 ::1" },
		{ "twice is twice", "10.0.0.1 a\n10.0.0.1 a\n", "a", "10.0.0.1 10.0.0.1", "" },
		{ "several names", "10.0.0.1 x y a z", "a", "10.0.0.1", "" },
		{ "letters", "10.0.0.1 A.Test", "a.test", "10.0.0.1", "" },
		{ "a dot at the end", "10.0.0.1 a.test.", "a.test", "10.0.0.1", "" },
		{ "spaces of all kinds", " \t10.0.0.1\v\fa.test \r\n", "a.test", "10.0.0.1", "" },
		{ "a comment ends it", "10.0.0.1 b # a\n10.0.0.2 a#b\n", "a", "10.0.0.2", "" },
		{ "a whole line of it", "#10.0.0.1 a\n", "a", "", "" },
		{ "no newline at the end", "10.0.0.1 b\n10.0.0.2 a", "a", "10.0.0.2", "" },
		{ "mapped counts as IPv4", "::ffff:10.0.0.1 a", "a", "10.0.0.1", "" },
		{ "a zone index is dropped", "fe80::1%lo0 a\n", "a", "", "fe80::1" },
		{ "both families under one name", "::1 a\n10.0.0.1 a\n::2 a\n10.0.0.2 a\n", "a",
		  "10.0.0.1 10.0.0.2", "::1 ::2" },
		{ "three", "10.0.0.3 a\n10.0.0.1 a\n10.0.0.2 a\n", "a",
		  "10.0.0.3 10.0.0.1 10.0.0.2", "" },
		{ "no address, no line", "10.0.0 a\n10.0.0.256 a\nx a\n10.0.0.1/8 a\n10.0.0.01 a\n",
		  "a", "", "" },
		{ "an address alone", "10.0.0.1\n", "a", "", "" },
		{ "a bad name is skipped alone", "10.0.0.1 b..c a\n", "a", "10.0.0.1", "" },
		{ "outside the zone", "10.0.0.1 a.other\n10.0.0.1 test\n", "a.other", "", "" },
		{ "the next name on a line outside", "10.0.0.1 a.other b.test\n", "b.test",
		  "10.0.0.1", "" },
	};
	static const char *const zones[] = { ".", "test." };
	char text[512];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		bool outside = strstr(rows[i].what, "outside") != NULL;
		struct nd_hostsfile *h = parse(rows[i].text, zones[outside], true);
		addresses(h, rows[i].name, 4, text);
		if (strcmp(text, rows[i].four) != 0)
			fail_msg("%s: %s", rows[i].what, text);
		addresses(h, rows[i].name, 6, text);
		if (strcmp(text, rows[i].six) != 0)
			fail_msg("%s: %s", rows[i].what, text);
		nd_hostsfile_free(h);
	}
}

static void test_wildcards(void **state)
{
	static const struct {
		const char *name, *four;
	} rows[] = {
		{ "x.apps.test", "10.0.0.1" }, { "apps.test", "" },
		{ "y.x.apps.test", "" },       { "own.apps.test", "10.0.0.2" },
		{ "*.apps.test", "10.0.0.1" }, { "six.apps.test", "10.0.0.1" },
		{ "top", "10.0.0.4" },         { ".", "" },
	};
	struct nd_hostsfile *h = parse("10.0.0.1 *.apps.test\n10.0.0.2 own.apps.test\n"
				       "::3 six.apps.test\n10.0.0.4 *\n",
				       ".", true);
	char text[512];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		addresses(h, rows[i].name, 4, text);
		if (strcmp(text, rows[i].four) != 0)
			fail_msg("%s: %s", rows[i].name, text);
	}
	names(h, "10.0.0.1", text); /* a wildcard has no PTR record */
	assert_string_equal(text, "");
	nd_hostsfile_free(h);
}

/* The lists of two addresses whose names alternate, with names that are given again. */
static void test_runs(void **state)
{
	struct nd_hostsfile *h = parse("0.0.0.0 a b\n127.0.0.1 c d\n0.0.0.0 e f a g\n127.0.0.1 h\n"
				       "127.0.0.1 i\n::1 a b c\n::1 e\n0.0.0.0 h i\n",
				       ".", true);
	static const struct {
		const char *address, *names;
	} rows[] = {
		{ "0.0.0.0", "a. b. e. f. a. g. h. i." },
		{ "127.0.0.1", "c. d. h. i." },
		{ "::1", "a. b. c. e." },
		{ "::2", "" },
	};
	char got[512];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		names(h, rows[i].address, got);
		if (strcmp(got, rows[i].names) != 0)
			fail_msg("%s: %s", rows[i].address, got);
	}
	addresses(h, "a", 4, got);
	assert_string_equal(got, "0.0.0.0 0.0.0.0");
	addresses(h, "h", 4, got);
	assert_string_equal(got, "127.0.0.1 0.0.0.0");
	assert_int_equal(nd_hostsfile_entries(h), 32);
	nd_hostsfile_free(h);
}

static void test_names(void **state)
{
	static const char text[] =
		"10.0.0.1 a.test B.test\n10.0.0.1 c.test\n::ffff:10.0.0.2 four.test\n"
		"2001:db8::1 six.test\n10.0.0.3 out.other\n";
	struct nd_hostsfile *h = parse(text, "test.", true);
	char got[512];
	(void)state;

	names(h, "10.0.0.1", got);
	assert_string_equal(got, "a.test. b.test. c.test.");
	names(h, "10.0.0.2", got);
	assert_string_equal(got, "four.test.");
	names(h, "2001:db8::1", got);
	assert_string_equal(got, "six.test.");
	names(h, "10.0.0.3", got);
	assert_string_equal(got, "");
	assert_int_equal(nd_hostsfile_entries(h), 10);
	nd_hostsfile_free(h);

	h = parse(text, "test.", false);
	names(h, "10.0.0.1", got);
	assert_string_equal(got, "");
	addresses(h, "c.test.", 4, got);
	assert_string_equal(got, "10.0.0.1");
	assert_int_equal(nd_hostsfile_entries(h), 5);
	nd_hostsfile_free(h);
}

/* A field over the limit is ignored; the last line needs no newline. */
static void test_long_fields(void **state)
{
	char text[4 * ND_HOSTSFILE_FIELD_MAX], got[512];
	(void)state;

	memset(text, 'a', sizeof text);
	memcpy(text, "10.0.0.1 ", 9);
	memcpy(text + 2 * ND_HOSTSFILE_FIELD_MAX, " b.test ", 8);
	struct nd_hostsfile *h = nd_hostsfile_parse(text, sizeof text, &nd_name_root, 1, true);
	assert_non_null(h);
	addresses(h, "b.test", 4, got);
	assert_string_equal(got, "10.0.0.1");
	assert_int_equal(nd_hostsfile_entries(h), 2);
	nd_hostsfile_free(h);
	h = nd_hostsfile_parse("10.0.0.1 ab", 10, &nd_name_root, 1, true);
	addresses(h, "a", 4, got);
	assert_string_equal(got, "10.0.0.1");
	nd_hostsfile_free(h);
}

/* A text that is added in pieces gives the same table, wherever they end. */
static void test_pieces(void **state)
{
	static const char text[] = "# 10.0.0.9 a.test\n10.0.0.1 a.test b.test#c.test\n"
				   "bad a.test b.test\n\t::1 a.test\r\n 10.0.0.2\ta.test";
	char got[512];
	(void)state;

	for (size_t first = 0; first < sizeof text; first++)
		for (size_t second = first; second < sizeof text; second++) {
			struct nd_hostsfile *h = nd_hostsfile_new(&nd_name_root, 1, true, 0);
			assert_non_null(h);
			assert_int_equal(nd_hostsfile_add(h, text, first), 0);
			assert_int_equal(nd_hostsfile_add(h, text + first, second - first), 0);
			assert_int_equal(nd_hostsfile_add(h, text + second,
							  sizeof text - 1 - second),
					 0);
			assert_int_equal(nd_hostsfile_end(h), 0);
			addresses(h, "a.test", 4, got);
			assert_string_equal(got, "10.0.0.1 10.0.0.2");
			addresses(h, "a.test", 6, got);
			assert_string_equal(got, "::1");
			names(h, "10.0.0.1", got);
			assert_string_equal(got, "a.test. b.test.");
			assert_int_equal(nd_hostsfile_entries(h), 8);
			nd_hostsfile_free(h);
		}
}

/* A list that blocks names: one address, and its names in order. */
static void test_one_address(void **state)
{
	enum { NAMES = 100000 };
	struct nd_hostsfile *h = nd_hostsfile_new(&nd_name_root, 1, true, 0);
	struct nd_addr any = nd_addr_from(AF_INET, "\0\0\0", 0);
	char line[64], got[ND_NAME_TEXT_MAX], wants[64];
	size_t len;
	const uint8_t *wire, *bytes = nd_addr_bytes(&any, &len);
	unsigned i;
	(void)state;

	for (i = 0; i < NAMES; i++) {
		int n = snprintf(line, sizeof line, "0.0.0.0 ad%u.example-%u.com\n", i, i % 5000);
		assert_int_equal(nd_hostsfile_add(h, line, (size_t)n), 0);
	}
	assert_int_equal(nd_hostsfile_end(h), 0);
	assert_int_equal(nd_hostsfile_entries(h), 2 * NAMES);
	assert_true(nd_budget_used(ND_BUDGET_HOSTS) < NAMES * 46);
	struct nd_hostsfile_list l = nd_hostsfile_names(h, bytes, len);
	for (i = 0; (wire = nd_hostsfile_next(&l)) != NULL; i++) {
		nd_name_format(nd_name_view(wire), got);
		snprintf(wants, sizeof wants, "ad%u.example-%u.com.", i, i % 5000);
		assert_string_equal(got, wants);
	}
	assert_int_equal(i, NAMES);
	nd_hostsfile_free(h);
	assert_int_equal(nd_budget_used(ND_BUDGET_HOSTS), 0);
}

/* The limit is a share of the memory budget. What was taken is given back after a failure. */
static void test_limit(void **state)
{
	char line[64];
	int err = 0;
	size_t lines = 0;
	(void)state;

	nd_budget_set((uint64_t)ND_BUDGET_MIN_MIB << 20);
	assert_int_equal(nd_hostsfile_limit(), 6 << 20);
	struct nd_hostsfile *h = nd_hostsfile_new(&nd_name_root, 1, true, UINT64_MAX);
	assert_non_null(h);
	for (; !err && lines < 1000000; lines++) {
		int n = snprintf(line, sizeof line, "0.0.0.0 ad%zu.test\n", lines);
		err = nd_hostsfile_add(h, line, (size_t)n);
		assert_true(nd_budget_used(ND_BUDGET_HOSTS) <= (6 << 20) + (64 << 10));
	}
	assert_int_equal(err, ND_ELIMIT);
	assert_true(lines > 100000);
	assert_int_equal(nd_hostsfile_add(h, "", 0), ND_ELIMIT); /* sticky */
	assert_int_equal(nd_hostsfile_end(h), ND_ELIMIT);
	nd_hostsfile_free(h);
	assert_int_equal(nd_budget_used(ND_BUDGET_HOSTS), 0);
	nd_budget_set((uint64_t)ND_BUDGET_DEFAULT_MIB << 20);
}

static void test_many(void **state)
{
	struct nd_buf b;
	char name[64], got[512], wants[64];
	(void)state;

	nd_buf_init(&b, 16 << 20);
	for (unsigned i = 0; i < 20000; i++)
		nd_buf_printf(&b, "10.%u.%u.%u n%u.test n%u.other\n", i >> 16, i >> 8 & 255,
			      i & 255, i, i / 2);
	struct nd_hostsfile *h = nd_hostsfile_parse(nd_buf_string(&b), b.len, &nd_name_root, 1,
						    true);
	assert_non_null(h);
	assert_int_equal(nd_hostsfile_entries(h), 80000);
	for (unsigned i = 0; i < 20000; i += 7) {
		snprintf(name, sizeof name, "n%u.test", i);
		snprintf(wants, sizeof wants, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		addresses(h, name, 4, got);
		assert_string_equal(got, wants);
		snprintf(name, sizeof name, "n%u.test. n%u.other.", i, i / 2);
		names(h, wants, got);
		assert_string_equal(got, name);
	}
	addresses(h, "n20000.test", 4, got);
	assert_string_equal(got, "");
	nd_hostsfile_free(h);
	nd_buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_names),     cmocka_unit_test(test_long_fields),
		cmocka_unit_test(test_many),      cmocka_unit_test(test_runs),
		cmocka_unit_test(test_pieces),    cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
