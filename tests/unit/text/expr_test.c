/* SPDX-License-Identifier: Apache-2.0 */
#include "text/expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/err.h"
#include "text/print.h"

static const char *const variables[] = { "num", "none_yet", NULL };
static const struct nd_expr_function table[] = {
	{ "name", ND_VALUE_STRING, "" },
	{ "type", ND_VALUE_STRING, "" },
	{ "group", ND_VALUE_STRING, "a" },
	{ 0 },
};
static const struct nd_expr_function more[] = {
	{ "lst", ND_VALUE_LIST, "" },
	{ "fails", ND_VALUE_NIL, "" },
	{ "some", ND_VALUE_NIL, "" },
	{ "same", ND_VALUE_BOOL, "ss" },
	{ 0 },
};
static const struct nd_expr_function *const functions[] = { table, more, NULL };

static struct nd_value variable(void *ctx, const char *name, struct nd_arena *a)
{
	(void)ctx;
	(void)a;
	return strcmp(name, "num") ? (struct nd_value){ .kind = ND_VALUE_NIL } : nd_value_int(7);
}

static struct nd_value call(void *ctx, const char *name, const struct nd_value *args, size_t nargs,
			    struct nd_arena *a)
{
	static const struct nd_value list[] = {
		{ .kind = ND_VALUE_INT, .i = 1 },
		{ .kind = ND_VALUE_STRING, .s = { "a", 1 } },
	};
	(void)ctx;

	if (!strcmp(name, "group"))
		return nargs == 1 && args[0].kind == ND_VALUE_STRING && args[0].s.text[0] == 'n'
			       ? nd_value_string("12", 2)
			       : nd_value_string(NULL, 0);
	if (!strcmp(name, "same"))
		return nd_value_bool(nd_value_equal(&args[0], &args[1]));
	if (!strcmp(name, "name") || !strcmp(name, "some"))
		return nd_value_string("a.example.", 10);
	if (!strcmp(name, "type"))
		return nd_value_string("A", 1);
	if (!strcmp(name, "lst"))
		return nd_value_list(list, 2);
	return nd_value_error(a, "first argument is not an IP address");
}

static const struct nd_expr_env env = { .variable = variable, .function = call };

/* The value of an expression, strings quoted, or its error: "compile: ..." or "run: ...". */
static void run(const char *text, struct nd_buf *out)
{
	struct nd_expr *e = NULL;
	struct nd_arena a;
	char why[300] = "";

	nd_buf_init(out, 1 << 16);
	if (nd_expr_new(text, variables, functions, &e, why, sizeof why) < 0) {
		nd_buf_printf(out, "compile: %s", why);
		return;
	}
	nd_arena_init(&a, 1 << 18);
	struct nd_value v = nd_expr_eval(e, &env, &a);
	if (v.kind == ND_VALUE_ERROR)
		nd_buf_printf(out, "run: %.*s", (int)v.s.len, v.s.text);
	else
		nd_print_format(out, &a, "%#v", 3, &v, 1);
	nd_arena_clear(&a);
	nd_expr_free(e);
}

struct row {
	const char *text, *want;
};

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct nd_buf out;
		run(rows[i].text, &out);
		if (strcmp(nd_buf_string(&out), rows[i].want) != 0)
			fail_msg("%s: got '%s', want '%s'", rows[i].text, nd_buf_string(&out),
				 rows[i].want);
		nd_buf_clear(&out);
	}
}

/* Expected results are from expr-lang 1.17.8. */
static void test_operators(void **state)
{
	static const struct row rows[] = {
		{ "1 + 2 * 3 - 4", "3" },
		{ "7 / 2", "3.5" },
		{ "6 / 2 == 3", "true" },
		{ "7 % 4", "3" },
		{ "-2 ** 2", "-4" },
		{ "2 ** 3 ** 2", "512" },
		{ "2 ^ 3", "8" },
		{ "1 + 2.5", "3.5" },
		{ "9223372036854775807 + 1", "-9223372036854775808" },
		{ "'a' + 'b'", "`ab`" },
		{ "1 / 0 > 5", "true" },
		{ "num % (num - 7)", "run: integer divide by zero" },
		{ "1 == 1.0", "true" },
		{ "nil == none_yet", "true" },
		{ "[1, 'a'] == lst()", "true" },
		{ "{a: 1} == {'a': 1.0, }", "true" },
		{ "1 < 2 < 3", "true" },
		{ "1 < 3 < 2", "false" },
		{ "'a' < 'b' and 'b' <= 'b'", "true" },
		{ "true or fails()", "true" },
		{ "false && fails()", "false" },
		{ "not false and !false", "true" },
		{ "not (1 in [1, 2])", "false" },
		{ "3 not in [1, 2]", "true" },
		{ "'a' in {a: 1}", "true" },
		{ "2.0 in 1..3", "true" },
		{ "1 in none_yet", "false" },
		{ "1 in some()", "run: operator \"in\" not defined on string" },
		{ "name() matches '^[a-z][.]example[.]$'", "true" },
		{ "name() matches '(?i)^B'", "false" },
		{ "name() matches type() + '.'", "false" },
		{ "name() matches '(' + type()",
		  "run: error parsing regexp: missing closing ): `(A`" },
		{ "name() startsWith 'a.' && name() endsWith '.' && name() contains 'exam'",
		  "true" },
		{ "name() not contains 'x.x'", "true" },
		{ "none_yet contains 'a'", "false" },
		{ "num > 5 ? 'big' : 'small'", "`big`" },
		{ "(num > 5) ?: false", "true" },
		{ "none_yet ?? 'x'", "`x`" },
		{ "none_yet?.a.b", "<nil>" },
		{ "none_yet.a", "run: cannot fetch a from nil" },
		{ "{a: {b: 2}}.a.b", "2" },
		{ "{a: 1}['z']", "<nil>" },
		{ "{a: 1, a: 2}.a", "2" },
		{ "[1, 2, 3][-1]", "3" },
		{ "[1, 2, 3][3]", "run: index out of range: 3 (array length is 3)" },
		{ "[1, 2, 3][1:]", "[2 3]" },
		{ "name()[:1] + name()[-2:]", "`ae.`" },
		{ "[1, 2][5:9]", "[]" },
		{ "1..3", "[1 2 3]" },
		{ "num + 'a'", "run: invalid operation: + (mismatched types int and string)" },
		{ "some() and true", "run: expected a bool, got string" },
		{ "0x1F + 0b11 + 0o17 + 1_000", "1049" },
		{ "1e3", "1000" },
		{ "\"\\x41\\u00e9\\u{1F600}\\n\" == 'A\\xc3\\xa9\xf0\x9f\x98\x80\\n'", "true" },
		{ "`a``b\\n`", "\"a`b\\\\n\"" },
		{ "1 /* c */ + // d\n 2", "3" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_functions(void **state)
{
	static const struct row rows[] = {
		{ "int(group('n')) > 1", "true" },
		{ "group(3) == ''", "true" },
		{ "int('x')", "run: invalid operation: int(x)" },
		{ "int(' 1')", "run: invalid operation: int( 1)" },
		{ "int(2.9)", "2" },
		{ "float('1.5') + float(1)", "2.5" },
		{ "string(1.5) + string(true) + string([1, nil])", "`1.5true[1 <nil>]`" },
		{ "upper('aB') | lower()", "`ab`" },
		{ "len('a\\u00e9') + len([1]) + len({a: 1})", "4" },
		{ "trim('  a ') + trim('xxaxx', 'x')", "`aa`" },
		{ "trimPrefix('www.a', 'www.') + trimSuffix('b.', '.')", "`ab`" },
		{ "split('a.b.c', '.')", "[`a` `b` `c`]" },
		{ "split('a.b.c', '.', 2)", "[`a` `b.c`]" },
		{ "split('ab', '')", "[`a` `b`]" },
		{ "join(split(name(), '.'), '-')", "`a-example-`" },
		{ "join([1])", "run: invalid argument for join (element of type int)" },
		{ "replace('aaa', 'a', 'b') + replace('aaa', 'a', 'b', 1) + replace('ab', '', '-')",
		  "`bbbbaa-a-b-`" },
		{ "repeat('ab', 3)", "`ababab`" },
		{ "indexOf('abab', 'b') * 10 + lastIndexOf('abab', 'b')", "13" },
		{ "indexOf('a', 'x')", "-1" },
		{ "hasPrefix('ab', 'a') and hasSuffix('ab', 'b')", "true" },
		{ "min(3, 1.5, [2]) + max([1, [4]])", "5.5" },
		{ "max(lst())", "run: invalid argument for max (type string)" },
		{ "abs(-3) + abs(2.5)", "5.5" },
		{ "ceil(1.2) + floor(1.8) + round(2.5)", "6" },
		{ "first([1, 2]) + last([1, 2])", "3" },
		{ "first([])", "<nil>" },
		{ "any([1, 2], {# > 1}) and all([1, 2], # > 0)", "true" },
		{ "none([1, 2], {# > 2}) and one([1, 2], {# > 1})", "true" },
		{ "one([2, 2], {# > 1})", "false" },
		{ "filter([1, 2, 3], {# % 2 == 1})", "[1 3]" },
		{ "map([1, 2], {# * 2 + #index})", "[2 5]" },
		{ "map([{a: 1}, {a: 2}], .a) | sum()", "3" },
		{ "count([1, 2, 2], {# == 2}) + count([true, false])", "3" },
		{ "find([1, 2, 3], # > 1) + findIndex([1, 2, 3], # > 1)", "3" },
		{ "map([1, 2], {let})", "compile: let is not supported (1:14)" },
		{ "any([[1], [2]], {any(#, {# == 2})})", "true" },
		{ "map(1..2, {filter([1, 2], {# == 1})})", "[[1] [1]]" },
		{ "filter(lst(), {#})", "run: expected a bool, got int" },
		{ "any(some(), {true})", "run: a predicate takes only a list (got string)" },
		{ "type() == 'A'", "true" }, /* a caller's function hides expr-lang's */
		{ "fails()", "run: first argument is not an IP address" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_refused(void **state)
{
	static const struct row rows[] = {
		{ "", "compile: unexpected token EOF (1:1)" },
		{ "nope", "compile: unknown name nope (1:1)" },
		{ "1 +\n nope()", "compile: unknown name nope (2:2)" },
		{ "name == 'a'", "compile: name is a function: call it with () (1:1)" },
		{ "num()", "compile: num is not callable (1:1)" },
		{ "now()", "compile: function now is not supported (1:1)" },
		{ "1 + 'a'",
		  "compile: invalid operation: + (mismatched types int and string) (1:3)" },
		{ "'a' == 1",
		  "compile: invalid operation: == (mismatched types string and int) (1:5)" },
		{ "not 'a'", "compile: invalid operation: not (mismatched type string) (1:1)" },
		{ "1 ? 2 : 3", "compile: non-bool expression (type int) used as condition (1:3)" },
		{ "len()", "compile: not enough arguments to call len (1:1)" },
		{ "lower('a', 'b')", "compile: too many arguments to call lower (1:1)" },
		/* The caller's functions are checked like the built-in ones. */
		{ "name() == 1",
		  "compile: invalid operation: == (mismatched types string and int) (1:8)" },
		{ "name(1)", "compile: too many arguments to call name (1:1)" },
		{ "same('a')", "compile: not enough arguments to call same (1:1)" },
		{ "same('a', 1)", "compile: cannot use int as argument 2 to call same (1:1)" },
		{ "same(some(), name()) and not same('a', group(1))", "true" },
		{ "lower(1)", "compile: cannot use int as argument 1 to call lower (1:1)" },
		{ "any([1])", "compile: not enough arguments to call any (1:8)" },
		{ "any('a', {true})", "compile: builtin any takes only array (got string) (1:1)" },
		{ "any([1], {1})", "compile: predicate should return boolean (got int) (1:1)" },
		{ "name() matches '(?=a)'",
		  "compile: error parsing regexp: invalid or unsupported Perl "
		  "syntax: `(?=` (1:8)" },
		{ "'a'[0]", "compile: type string has no fields (1:7)" },
		{ "name().lower()", "compile: methods are not supported (1:13)" },
		{ "1; 2", "compile: ; is not supported (1:2)" },
		{ "'a' | upper()[1:]", "compile: unexpected token \"[\" (1:14)" },
		{ "let x = 1", "compile: let is not supported (1:1)" },
		{ "if true {1} else {2}", "compile: if is not supported (1:1)" },
		{ "b'a'", "compile: byte strings are not supported (1:1)" },
		{ "#", "compile: unexpected token \"#\" (1:1)" },
		{ "'a", "compile: literal not terminated (1:1)" },
		{ "'\\q'", "compile: unable to unescape string (1:1)" },
		{ "1a", "compile: bad number syntax (1:1)" },
		{ "99999999999999999999",
		  "compile: invalid integer literal: 99999999999999999999 (1:1)" },
		{ "1e999", "compile: invalid float literal: 1e999 (1:1)" },
		{ "(1", "compile: unexpected token EOF (1:3)" },
		{ "[1 2]", "compile: unexpected token \"2\" (1:4)" },
		{ "{1 + 1: 2}", "compile: unexpected token \"+\" (1:4)" },
		{ "num ?? 1 + 2", "compile: Operator (+) and coalesce expressions (?"
				  "?) cannot be mixed. "
				  "Wrap either by parentheses. (1:10)" },
		{ "/* a", "compile: unclosed comment (1:5)" },
		{ "1 ~ 2", "compile: unrecognized character (1:3)" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_reserved(void **state)
{
	static const char *const reserved[] = {
		"true", "in", "len", "now", "filter", "type", "let"
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(reserved); i++)
		if (!nd_expr_reserved(reserved[i]))
			fail_msg("%s is reserved", reserved[i]);
	assert_false(nd_expr_reserved("num"));
	assert_false(nd_expr_reserved("lens"));
}

static char *repeated(const char *text, size_t n, const char *after)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 22);
	for (size_t i = 0; i < n; i++)
		nd_buf_text(&b, text);
	nd_buf_text(&b, after);
	return b.data;
}

/* Hostile expressions terminate. */
static void test_limits(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *after, *want;
	} rows[] = {
		{ "(", 5000, "1", "expression is nested too deeply" },
		{ "-", 5000, "1", "expression is nested too deeply" },
		{ "1+", 5000, "1", "expression is nested too deeply" },
		{ "num|string()|int()+", 900, "1", "expression is nested too deeply" },
		{ "1,", 20000, "1", "unexpected token" },
		{ "[1],", 1, "", "unexpected token" },
		{ "any(1..9000, {any(1..9000, {# < 0})}) or ", 1, "true", "memory" },
		{ "all(1..900, {all(1..900, {# > 0})}) or ", 1, "true", "memory" },
		{ "any(1..1000, {any(1..2, {any(lst(), {any(lst(), {any(lst(), {any(lst(), {any(lst(), {"
		  "any(lst(), {any(lst(), {any(lst(), {false})})})})})})})})})})",
		  1, "", "too many steps" },
		{ "1..99999999", 1, "", "memory" },
		{ "repeat(repeat('abcdefgh', 30000), 9000)", 1, "", "memory" },
	};
	char *wide = repeated("1,", 20000, "1]"), *list = malloc(strlen(wide) + 2);
	struct nd_buf out;
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char *text = repeated(rows[i].text, rows[i].n, rows[i].after);
		run(text, &out);
		if (!strstr(nd_buf_string(&out), rows[i].want))
			fail_msg("%.60s...: got '%.200s', want '%s'", rows[i].text,
				 nd_buf_string(&out), rows[i].want);
		nd_buf_clear(&out);
		free(text);
	}
	sprintf(list, "[%s", wide);
	run(list, &out);
	assert_non_null(strstr(nd_buf_string(&out), "maximum allowed nodes"));
	nd_buf_clear(&out);
	free(wide);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operators), cmocka_unit_test(test_functions),
		cmocka_unit_test(test_refused),   cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
