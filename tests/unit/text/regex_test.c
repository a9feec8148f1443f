/* SPDX-License-Identifier: Apache-2.0 */
#include "text/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"

/* The groups as "start,end start,end", "-" for an unset one; "none" for no match. */
static void describe(const struct nd_regex_match *m, bool matched, char *out, size_t cap)
{
	size_t at = 0;

	out[0] = '\0';
	if (!matched)
		snprintf(out, cap, "none");
	for (size_t i = 0; matched && i < m->n && at < cap; i++) {
		if (m->group[i].start == SIZE_MAX)
			at += (size_t)snprintf(out + at, cap - at, "%s-", i ? " " : "");
		else
			at += (size_t)snprintf(out + at, cap - at, "%s%zu,%zu", i ? " " : "",
					       m->group[i].start, m->group[i].end);
	}
}

/* Expected results are from Go 1.26's regexp. */
static void test_match(void **state)
{
	static const struct {
		const char *pattern, *text, *want;
	} rows[] = {
		{ "", "", "0,0" },
		{ ".*", "a.example.", "0,10" },
		{ "^(?P<n>[0-9]+)[.]example[.]$", "12.example.", "0,11 0,2" },
		{ "^(?<n>[0-9]+)[.]example[.]$", "x2.example.", "none" },
		{ "(a)|(b)", "b", "0,1 - 0,1" },
		{ "a|ab", "ab", "0,1" },
		{ "a$", "a\n", "none" },
		{ "(?m)a$", "a\n", "0,1" },
		{ "(?m)^", "a\n", "0,0" },
		{ "(?m)^\\z", "a\n", "2,2" },
		{ "a.b", "a\nb", "none" },
		{ "(?s)a.b", "a\nb", "0,3" },
		{ "(?U)a+", "aaa", "0,1" },
		{ "(?U)a+?", "aaa", "0,3" },
		{ "(?i)EXAMPLE", "a.example.", "2,9" },
		{ "a(?i)b|c", "C", "0,1" },
		{ "(?:(?i)a)b", "AB", "none" },
		{ "a(?i)*", "aaAA", "0,2" },
		{ "\\s", "\v", "none" },
		{ "[[:space:]]", "\v", "0,1" },
		{ "[[:^alpha:]]+", "ab12", "2,4" },
		{ "(?i)\\w", "\xe2\x84\xaa", "0,3" },
		{ "(?i)[^\\W]", "\xc5\xbf", "0,2" },
		{ "(?i)[\\W]", "k", "none" },
		{ "\\d+\\D", "12a", "0,3" },
		{ "\\Qa.*\\Eb", "a.*b", "0,4" },
		{ "\\x41\\x{42}\\103", "ABC", "0,3" },
		{ "[]a]+", "]a", "0,2" },
		{ "[a-]+", "-a", "0,2" },
		{ "x{,2}", "x{,2}", "0,5" },
		{ "x{2}", "xxx", "0,2" },
		{ "^*a", "ba", "1,2" },
		{ "\\bfoo\\b", "a foo b", "2,5" },
		{ "\\p{Greek}+", "a\xce\xb1\xce\xb2", "1,5" },
		{ "\\pL\\PL", "a1", "0,2" },
		{ "\\p{^Lu}", "Aa", "1,2" },
		{ "(?i)\\P{Lu}", "kc", "none" },
		{ "^.$", "\xc3\xa9", "0,2" },
		{ "^.$", "\xff", "0,1" },
		{ "^(a).(b)$",
		  "a\xff"
		  "b",
		  "0,3 0,1 2,3" },
		{ "\\x{fffd}", "a\xff", "1,2" },
		{ "\\x{d800}", "a", "none" },
		{ "[^\\x00-\\x{10FFFF}]", "a", "none" },
	};
	struct nd_regex_scratch *s = nd_regex_scratch_new();
	(void)state;

	assert_non_null(s);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_regex_match m = { 0 };
		struct nd_regex *re;
		char why[300] = "", got[300];
		if (nd_regex_new(rows[i].pattern, &re, why, sizeof why) < 0)
			fail_msg("%s: %s", rows[i].pattern, why);
		bool matched = nd_regex_match(re, s, rows[i].text, strlen(rows[i].text), &m);
		describe(&m, matched, got, sizeof got);
		nd_regex_free(re);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s on '%s': got %s, want %s", rows[i].pattern, rows[i].text, got,
				 rows[i].want);
	}
	nd_regex_scratch_free(s);
}

static void test_refused(void **state)
{
	static const struct {
		const char *pattern, *why; /* after "error parsing regexp: " */
	} rows[] = {
		{ "(?=a)", "invalid or unsupported Perl syntax: `(?=`" },
		{ "(?!a)", "invalid or unsupported Perl syntax: `(?!`" },
		{ "(?<=a)", "invalid named capture: `(?<=a)`" },
		{ "(?<!a)b", "invalid named capture: `(?<!a)b`" },
		{ "(?>a)", "invalid or unsupported Perl syntax: `(?>`" },
		{ "(?R)", "invalid or unsupported Perl syntax: `(?R`" },
		{ "(?#x)", "invalid or unsupported Perl syntax: `(?#`" },
		{ "(?i-)", "invalid or unsupported Perl syntax: `(?i-)`" },
		{ "(?P=n)", "invalid or unsupported Perl syntax: `(?P`" },
		{ "(?P<>a)", "invalid named capture: `(?P<>`" },
		{ "(a)\\1", "invalid escape sequence: `\\1`" },
		{ "\\C", "invalid escape sequence: `\\C`" },
		{ "a\\Z", "invalid escape sequence: `\\Z`" },
		{ "\\K", "invalid escape sequence: `\\K`" },
		{ "\\x{110000}", "invalid escape sequence: `\\x{110000`" },
		{ "a\\", "trailing backslash at end of expression: ``" },
		{ "a++", "invalid nested repetition operator: `++`" },
		{ "a**?", "invalid nested repetition operator: `**?`" },
		{ "*a", "missing argument to repetition operator: `*`" },
		{ "(*UTF)a", "missing argument to repetition operator: `*`" },
		{ "a|+", "missing argument to repetition operator: `+`" },
		{ "a{1001}", "invalid repeat count: `{1001}`" },
		{ "a{3,2}", "invalid repeat count: `{3,2}`" },
		{ "(a{100}){11}", "invalid repeat count: `{11}`" },
		{ "(a", "missing closing ): `(a`" },
		{ "a)", "unexpected ): `a)`" },
		{ "[a", "missing closing ]: `[a`" },
		{ "[", "missing closing ]: `[`" },
		{ "[z-a]", "invalid character class range: `z-a`" },
		{ "[[:x:]]", "invalid character class range: `[:x:]`" },
		{ "\\p{N~}", "invalid character class range: `\\p{N~}`" },
		{ "a\xff", "invalid UTF-8: `\xff`" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_regex *re = NULL;
		char why[300] = "", want[300];
		int ret = nd_regex_new(rows[i].pattern, &re, why, sizeof why);
		snprintf(want, sizeof want, "error parsing regexp: %s", rows[i].why);
		if (ret != ND_EFORMAT || strcmp(why, want) != 0)
			fail_msg("%s: got %d '%s', want '%s'", rows[i].pattern, ret, why, want);
		assert_null(re);
	}
}

static void test_groups(void **state)
{
	struct nd_regex *re = NULL;
	char why[200], many[200] = "";
	(void)state;

	assert_int_equal(nd_regex_new("(?P<0a>x)(y)(?:z)(?<b>)", &re, why, sizeof why), 0);
	assert_int_equal(nd_regex_groups(re), 4);
	assert_null(nd_regex_group_name(re, 0));
	assert_string_equal(nd_regex_group_name(re, 1), "0a");
	assert_null(nd_regex_group_name(re, 2));
	assert_string_equal(nd_regex_group_name(re, 3), "b");
	assert_null(nd_regex_group_name(re, 4));
	nd_regex_free(re);

	for (int i = 0; i < 31; i++)
		strcat(many, "(a)");
	assert_int_equal(nd_regex_new(many, &re, why, sizeof why), 0);
	nd_regex_free(re);
	strcat(many, "(a)");
	assert_int_equal(nd_regex_new(many, &re, why, sizeof why), ND_EFORMAT);
	assert_non_null(strstr(why, "more than 31 groups"));
}

static char *repeated(const char *text, size_t n)
{
	char *out = calloc(n, strlen(text) + 1);
	for (size_t i = 0; i < n; i++)
		memcpy(out + i * strlen(text), text, strlen(text));
	return out;
}

/* Hostile patterns and texts terminate. */
static void test_limits(void **state)
{
	struct nd_regex_scratch *s = nd_regex_scratch_new();
	struct nd_regex *re = NULL;
	char why[200], *deep = repeated("(?:", 1001), *longest = repeated("a", 10001);
	char *text = repeated("a", 5000);
	(void)state;

	assert_int_equal(nd_regex_new(deep, &re, why, sizeof why), ND_EFORMAT);
	assert_non_null(strstr(why, "nests too deeply"));
	assert_int_equal(nd_regex_new(longest, &re, why, sizeof why), ND_EFORMAT);
	assert_non_null(strstr(why, "too large"));
	assert_int_equal(nd_regex_new("((a{40}){25}[\\w\\x{400}]{1000}){1}.{1000}.{1000}", &re, why,
				      sizeof why),
			 0);
	nd_regex_free(re);
	/* exponential with backtracking; there is a match, but the limit is reached first */
	assert_int_equal(nd_regex_new("^(a+)+(a+)+$|^a*c", &re, why, sizeof why), 0);
	text[60] = 'c';
	assert_false(nd_regex_match(re, s, text, 61, NULL));
	assert_true(nd_regex_match(re, s, text + 58, 3, NULL));
	nd_regex_free(re);
	assert_int_equal(nd_regex_new("^(?:a|aa|(c))*$", &re, why, sizeof why), 0);
	assert_true(nd_regex_match(re, s, text, 5000, NULL));
	nd_regex_free(re);
	nd_regex_scratch_free(s);
	free(deep);
	free(longest);
	free(text);
}

static void test_scratch_in_arena(void **state)
{
	struct nd_regex_match m;
	struct nd_regex *re = NULL;
	struct nd_arena a;
	char why[200];
	(void)state;

	nd_arena_init(&a, 1 << 20);
	struct nd_regex_scratch *s = nd_regex_scratch_in(&a);
	assert_non_null(s);
	assert_int_equal(nd_regex_new("b(c)", &re, why, sizeof why), 0);
	assert_true(nd_regex_match(re, s, "abcd", 4, &m));
	assert_int_equal(m.n, 2);
	assert_int_equal(m.group[1].start, 2);
	nd_regex_free(re);
	nd_arena_clear(&a);
	nd_arena_init(&a, 64);
	assert_null(nd_regex_scratch_in(&a));
	nd_arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_scratch_in_arena),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
