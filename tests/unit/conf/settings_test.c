/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "base/time.h"

#define SECOND ((int64_t)ND_S(1))

/* The results of Go's time.ParseDuration. */
static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
		int ret;
	} rows[] = {
		{ "0", 0, 0 },
		{ "+0", 0, 0 },
		{ "-0", 0, 0 },
		{ "0s", 0, 0 },
		{ "5s", 5 * SECOND, 0 },
		{ "1m30s", 90 * SECOND, 0 },
		{ "1h1m1s1ms1us1ns", 3661 * SECOND + 1001001, 0 },
		{ "3\xc2\xb5s", 3000, 0 },
		{ "3\xce\xbcs", 3000, 0 },
		{ "1.5h", 5400 * SECOND, 0 },
		{ ".5s", SECOND / 2, 0 },
		{ "5.s", 5 * SECOND, 0 },
		{ "0.9999999999s", 999999999, 0 },
		{ "0.3333333333333333333h", 1200 * SECOND, 0 },
		{ "-1.5s", -SECOND - SECOND / 2, 0 },
		{ "+2s", 2 * SECOND, 0 },
		{ "1s1s", 2 * SECOND, 0 },
		{ "9223372036854775807ns", INT64_MAX, 0 },
		{ "-9223372036854775808ns", INT64_MIN, 0 },
		{ "0.100000000000000000000h", 360 * SECOND, 0 },
		{ "9223372036854775808ns", 0, ND_EFORMAT },
		{ "-9223372036854775809ns", 0, ND_EFORMAT },
		{ "9223372036854775808ns9223372036854775808ns", 0, ND_EFORMAT },
		{ "9223372036854775807ns2ns", 0, ND_EFORMAT },
		{ "99999999999999999999s", 0, ND_EFORMAT },
		{ "3000000h", 0, ND_EFORMAT },
		{ "", 0, ND_EFORMAT },
		{ "-", 0, ND_EFORMAT },
		{ "3", 0, ND_EFORMAT },
		{ "s", 0, ND_EFORMAT },
		{ ".s", 0, ND_EFORMAT },
		{ "1.2.3s", 0, ND_EFORMAT },
		{ "1d", 0, ND_EFORMAT },
		{ "1S", 0, ND_EFORMAT },
		{ "1s ", 0, ND_EFORMAT },
		{ " 1s", 0, ND_EFORMAT },
		{ "1s-1s", 0, ND_EFORMAT },
		{ "--1s", 0, ND_EFORMAT },
		{ "1s5", 0, ND_EFORMAT },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		int64_t ns = 0;
		int ret = nd_settings_duration(rows[i].text, &ns);
		if (ret != rows[i].ret || ns != rows[i].ns)
			fail_msg("\"%s\": got %d, %lld", rows[i].text, ret, (long long)ns);
	}
}

static void test_uint(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, want;
		int ret;
	} rows[] = {
		{ "0", 10, 0, 0 },
		{ "007", 10, 7, 0 },
		{ "10", 10, 10, 0 },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, 0 },
		{ "11", 10, 99, ND_EFORMAT },
		{ "18446744073709551616", UINT64_MAX, 99, ND_EFORMAT },
		{ "99999999999999999999", UINT64_MAX, 99, ND_EFORMAT },
		{ "", 10, 99, ND_EFORMAT },
		{ "-1", 10, 99, ND_EFORMAT },
		{ "+1", 10, 99, ND_EFORMAT },
		{ "1x", 10, 99, ND_EFORMAT },
		{ " 1", 10, 99, ND_EFORMAT },
		{ "0x1", 10, 99, ND_EFORMAT },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		uint64_t v = 99;
		int ret = nd_settings_uint(rows[i].text, rows[i].max, &v);
		if (ret != rows[i].ret || v != rows[i].want)
			fail_msg("\"%s\": got %d, %llu", rows[i].text, ret, (unsigned long long)v);
	}
}

struct self {
	uint64_t before;
	bool flag, on;
	uint32_t count, any, secs;
	int64_t dur, offset;
	const char *text;
	unsigned own;
	uint64_t after;
};

#define AT(field) offsetof(struct self, field)

static const struct nd_setting table[] = {
	{ "flag", ND_SET_FLAG, AT(flag), 0, 0, 0, "off by default" },
	{ "on", ND_SET_FLAG, AT(on), 0, 0, 1, "on by default" },
	{ "count", ND_SET_COUNT, AT(count), 1, 100, 7, "things" },
	{ "any", ND_SET_COUNT, AT(any), 0, 0, 0, "things without a maximum" },
	{ "secs", ND_SET_SECS, AT(secs), 0, 3600, 30, "kept" },
	{ "dur", ND_SET_DURATION, AT(dur), INT64_C(1000000), 90 * SECOND, SECOND, "wait" },
	{ "offset", ND_SET_DURATION, AT(offset), -SECOND, 0, -1, "either way" },
	{ "text", ND_SET_TEXT, AT(text), 0, 0, 0, "words" },
	{ "own", ND_SET_OWN, 0, 0, 0, 0, "read by hand" },
	{ "later", ND_SET_NOTYET, 0, 0, 0, 0, "not supported yet" },
	{ 0 },
};

static int read_own(void *self, const struct nd_conf_line *line, void *ctx)
{
	struct self *s = self;

	s->own += line->nargs + 1;
	if (strcmp(line->name, "own") == 0 && line->nargs == 2)
		return nd_diag_at(ctx, line->file, line->line, "own word");
	return 0;
}

/* Reads the text as one block, by the table. */
static void read_block(const char *text, const struct nd_setting *rows, bool own_rest,
		       struct self *self, struct nd_diag *d)
{
	char file[512];
	struct nd_arena a;
	struct nd_conf conf;

	snprintf(file, sizeof file, ". {\nx {\n%s\n}\n}\n", text);
	nd_arena_init(&a, 1 << 20);
	*d = (struct nd_diag){ 0 };
	*self = (struct self){ .before = 0xa5a5, .after = 0xa5a5 };
	assert_int_equal(nd_corefile_parse("C", file, strlen(file), NULL, &a, &conf, d), 0);
	nd_settings_defaults(rows, self);
	int err = nd_settings_read(rows, "x", &conf.servers[0].directives[0], self, read_own, d,
				   own_rest, d);
	assert_int_equal(err, d->set ? ND_ECONF : 0);
	if (self->text)
		self->text = strcmp(self->text, "a b") == 0 ? "a b" : "another";
	nd_arena_clear(&a);
	assert_int_equal(self->before, 0xa5a5);
	assert_int_equal(self->after, 0xa5a5);
}

static void test_values(void **state)
{
	struct self s;
	struct nd_diag d;
	(void)state;

	read_block("", table, false, &s, &d);
	assert_false(d.set || s.flag || s.text);
	assert_true(s.on && s.count == 7 && s.secs == 30 && s.dur == SECOND && s.offset == -1);

	read_block("flag\non\ncount 100\nany 4294967295\nsecs 5m\ndur 1.5s\noffset -1s\n"
		   "text \"a b\"\nown\nown a",
		   table, false, &s, &d);
	assert_string_equal(d.text, "");
	assert_true(s.flag && s.on && s.count == 100 && s.any == UINT32_MAX && s.secs == 300);
	assert_true(s.dur == SECOND + SECOND / 2 && s.offset == -SECOND && s.own == 3);
	assert_string_equal(s.text, "a b");

	read_block("secs 3600\n10.0.0.1 a b", table, true, &s, &d);
	assert_string_equal(d.text, "");
	assert_true(s.secs == 3600 && s.own == 3);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "flag\nnonesuch a",
		  "C:4 - plugin/x: unknown property \"nonesuch\": must be one of flag, on, "
		  "count, any, secs, dur, offset, text, own" },
		{ "later 1", "C:3 - plugin/x: \"later\" is not supported yet; remove it" },
		{ "flag yes", "C:3 - plugin/x: unexpected \"yes\": \"flag\" takes no argument" },
		{ "flag {\n}", "C:3 - plugin/x: unexpected \"{\": \"flag\" takes no block" },
		{ "count", "C:3 - plugin/x: \"count\" takes 1 argument, 0 given" },
		{ "count 1 2",
		  "C:3 - plugin/x: \"count\" takes 1 argument, 2 given: unexpected \"2\"" },
		{ "count 0", "C:3 - plugin/x: invalid count \"0\": must be a number, 1 to 100" },
		{ "count 101",
		  "C:3 - plugin/x: invalid count \"101\": must be a number, 1 to 100" },
		{ "any x", "C:3 - plugin/x: invalid any \"x\": must be a number, 0 to 4294967295" },
		{ "any 1s",
		  "C:3 - plugin/x: invalid any \"1s\": must be a number, 0 to 4294967295" },
		{ "secs 1500ms",
		  "C:3 - plugin/x: invalid secs \"1500ms\": must be seconds like \"30\" or \"5m\", 0 to "
		  "3600" },
		{ "secs -1s",
		  "C:3 - plugin/x: invalid secs \"-1s\": must be seconds like \"30\" or \"5m\", "
		  "0 to 3600" },
		{ "dur 5",
		  "C:3 - plugin/x: invalid dur \"5\": must be a duration like \"500ms\" or "
		  "\"1h30m\", 1ms to 90s" },
		{ "dur 91s",
		  "C:3 - plugin/x: invalid dur \"91s\": must be a duration like \"500ms\" or "
		  "\"1h30m\", 1ms to 90s" },
		{ "offset -2s",
		  "C:3 - plugin/x: invalid offset \"-2s\": must be a duration like \"500ms\" or "
		  "\"1h30m\", at least -1s" },
		{ "text", "C:3 - plugin/x: \"text\" takes 1 argument, 0 given" },
		{ "own a b\nnonesuch", "C:3 - own word" },
	};
	struct self s;
	struct nd_diag d;
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		read_block(rows[i].text, table, false, &s, &d);
		if (strcmp(d.text, rows[i].want) != 0)
			fail_msg("%s:\n got  %s\n want %s", rows[i].text, d.text, rows[i].want);
	}
	read_block("a", NULL, false, &s, &d);
	assert_string_equal(d.text, "C:3 - plugin/x: unknown property \"a\": the plugin has none");
}

static void test_args(void **state)
{
	static const char *const args[] = { "a", "b", "c" };
	static const struct {
		size_t n, min, max;
		const char *want;
	} rows[] = {
		{ 0, 0, 0, "" },
		{ 3, 1, SIZE_MAX, "" },
		{ 2, 2, 2, "" },
		{ 3, 0, 0, "C:7 - plugin/x: unexpected \"a\": \"w\" takes no argument" },
		{ 0, 1, SIZE_MAX, "C:7 - plugin/x: \"w\" takes at least 1 argument, 0 given" },
		{ 1, 2, SIZE_MAX, "C:7 - plugin/x: \"w\" takes at least 2 arguments, 1 given" },
		{ 3, 2, 2, "C:7 - plugin/x: \"w\" takes 2 arguments, 3 given: unexpected \"c\"" },
		{ 3, 1, 2,
		  "C:7 - plugin/x: \"w\" takes 1 to 2 arguments, 3 given: unexpected \"c\"" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_conf_line line = {
			.name = "w", .args = args, .nargs = rows[i].n, .file = "C", .line = 7
		};
		struct nd_diag d = { 0 };
		int ret = nd_settings_args(&line, "x", rows[i].min, rows[i].max, &d);
		if (ret != (*rows[i].want ? ND_ECONF : 0) || strcmp(d.text, rows[i].want) != 0)
			fail_msg("row %zu:\n got  %s\n want %s", i, d.text, rows[i].want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration), cmocka_unit_test(test_uint),
		cmocka_unit_test(test_values),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_args),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
