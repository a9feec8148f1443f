/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "cmd/flags.h"

struct options {
	const char *text, *other;
	bool on, off;
};

static const struct nd_flag table[] = {
	{ "conf", ND_FLAG_TEXT, offsetof(struct options, text), "a text" },
	{ "dns.port", ND_FLAG_TEXT, offsetof(struct options, other), "another" },
	{ "p", ND_FLAG_TEXT, offsetof(struct options, other), "the same" },
	{ "quiet", ND_FLAG_SWITCH, offsetof(struct options, on), "a switch" },
	{ "setup", ND_FLAG_SWITCH, offsetof(struct options, off), "on by default" },
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static const struct {
	const char *name;
	char *argv[6];
	int ret;
	struct options want;
} parse_rows[] = {
	{ "nothing", { "x" }, ND_FLAGS_CONTINUE, { "def", NULL, false, true } },
	{ "value after a blank",
	  { "x", "-conf", "a" },
	  ND_FLAGS_CONTINUE,
	  { "a", NULL, false, true } },
	{ "value after an equals sign",
	  { "x", "-conf=a=b" },
	  ND_FLAGS_CONTINUE,
	  { "a=b", NULL, false, true } },
	{ "two dashes, a dot",
	  { "x", "--dns.port=5" },
	  ND_FLAGS_CONTINUE,
	  { "def", "5", false, true } },
	{ "an empty value", { "x", "-conf=" }, ND_FLAGS_CONTINUE, { "", NULL, false, true } },
	{ "a value that looks like a flag",
	  { "x", "-conf", "-quiet" },
	  ND_FLAGS_CONTINUE,
	  { "-quiet", NULL, false, true } },
	{ "the last one counts",
	  { "x", "-p", "1", "-dns.port", "2" },
	  ND_FLAGS_CONTINUE,
	  { "def", "2", false, true } },
	{ "a switch", { "x", "-quiet" }, ND_FLAGS_CONTINUE, { "def", NULL, true, true } },
	{ "a switch with a value",
	  { "x", "-quiet=T", "-setup=FALSE" },
	  ND_FLAGS_CONTINUE,
	  { "def", NULL, true, false } },
	{ "a switch does not take the next word", { "x", "-setup", "false" }, 1, { 0 } },
	{ "a switch with an invalid value", { "x", "-setup=no" }, 2, { 0 } },
	{ "unknown", { "x", "-con", "a" }, 2, { 0 } },
	{ "known but longer", { "x", "-confx=a" }, 2, { 0 } },
	{ "a missing value", { "x", "-conf" }, 2, { 0 } },
	{ "a word", { "x", "word" }, 1, { 0 } },
	{ "a dash", { "x", "-" }, 1, { 0 } },
	{ "two dashes alone", { "x", "--" }, 2, { 0 } },
	{ "help", { "x", "-p", "1", "--help" }, 0, { 0 } },
};

static void test_parse(void **state)
{
	(void)state;

	for (size_t i = 0; i < ND_COUNT(parse_rows); i++) {
		struct options o = { .text = "def", .off = true };
		char *argv[ND_COUNT(parse_rows[i].argv)];
		int argc = 0;
		while (argc < (int)ND_COUNT(argv) && parse_rows[i].argv[argc]) {
			argv[argc] = parse_rows[i].argv[argc];
			argc++;
		}
		int ret = nd_flags_parse(table, ND_COUNT(table), "x", argc, argv, &o);
		if (ret != parse_rows[i].ret)
			fail_msg("%s: got %d, want %d", parse_rows[i].name, ret, parse_rows[i].ret);
		if (ret == ND_FLAGS_CONTINUE &&
		    (!same(o.text, parse_rows[i].want.text) ||
		     !same(o.other, parse_rows[i].want.other) || o.on != parse_rows[i].want.on ||
		     o.off != parse_rows[i].want.off))
			fail_msg("%s: got %s %s %d %d", parse_rows[i].name, o.text, o.other, o.on,
				 o.off);
	}
}

static void test_port(void **state)
{
	static const struct {
		const char *text;
		uint16_t port; /* 0: none */
	} rows[] = {
		{ "53", 53 }, { "1", 1 },   { "65535", 65535 }, { "65536", 0 }, { "0", 0 },
		{ "", 0 },    { "53x", 0 }, { "-1", 0 },        { " 53", 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		uint16_t port = 0;
		bool ok = nd_flags_port("p", rows[i].text, &port);
		if (ok != (rows[i].port != 0) || port != rows[i].port)
			fail_msg("\"%s\": got %d, port %u", rows[i].text, ok, port);
	}
}

static void test_udp_size(void **state)
{
	uint16_t size = 0;
	(void)state;

	assert_true(nd_flags_udp_size("s", "1232", &size));
	assert_int_equal(size, 1232);
	assert_true(nd_flags_udp_size("s", "4096", &size));
	assert_int_equal(size, 4096);
	assert_false(nd_flags_udp_size("s", "1231", &size));
	assert_false(nd_flags_udp_size("s", "4097", &size));
	assert_false(nd_flags_udp_size("s", "", &size));
	assert_int_equal(size, 4096);
}

static void test_bytes(void **state)
{
	static const struct {
		const char *text;
		uint64_t want; /* 0: refused */
	} rows[] = {
		{ "1048576", 1 << 20 },
		{ "170Mi", 170 << 20 },
		{ "170MiB", 170 << 20 },
		{ "2Gi", (uint64_t)2 << 30 },
		{ "1Ti", (uint64_t)1 << 40 },
		{ "2048Ki", 2048 << 10 },
		{ "3M", 3000000 },
		{ "3MB", 3000000 },
		{ "1048575", 0 },
		{ "", 0 },
		{ "Mi", 0 },
		{ "-1Mi", 0 },
		{ "1.5Gi", 0 },
		{ "1 Gi", 0 },
		{ "1Gb", 0 },
		{ "2097152B", 0 },
		{ "16777216Ti", 0 },
		{ "99999999999999999999999999", 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		uint64_t got = 0;
		bool ok = nd_flags_bytes("m", rows[i].text, 1 << 20, &got);
		if (ok != (rows[i].want > 0) || got != rows[i].want)
			fail_msg("%s: got %lu", rows[i].text, (unsigned long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_udp_size),
		cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
