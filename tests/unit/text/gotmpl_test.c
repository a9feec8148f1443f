/* SPDX-License-Identifier: Apache-2.0 */
#include "text/gotmpl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"

static const char *const functions[] = { "parseInt", NULL };

static struct nd_value text_value(const char *s)
{
	return nd_value_string(s, strlen(s));
}

static struct nd_value field(void *ctx, const char *name, const struct nd_value *args, size_t nargs,
			     struct nd_arena *a)
{
	static const struct nd_value match[] = {
		{ .kind = ND_VALUE_STRING, .s = { "ab", 2 } },
		{ .kind = ND_VALUE_STRING, .s = { "12", 2 } },
	};
	static const struct nd_value_pair group[] = {
		{ "b", { .kind = ND_VALUE_STRING, .s = { "12", 2 } } },
		{ "a", { .kind = ND_VALUE_STRING, .s = { "ab", 2 } } },
	};
	static const struct nd_value_pair var[] = {
		{ "num", { .kind = ND_VALUE_INT, .i = 7 } },
		{ "f", { .kind = ND_VALUE_FLOAT, .f = 2.5 } },
		{ "yes", { .kind = ND_VALUE_BOOL, .b = true } },
	};
	(void)ctx;

	if (!strcmp(name, "Meta") && nargs == 1 && args[0].kind == ND_VALUE_STRING) {
		char *s = nd_arena_printf(a, "<%s>", args[0].s.text);
		return s ? text_value(s) : nd_value_limit();
	}
	if (nargs)
		return nd_value_error(a, "%s has arguments but cannot be invoked as function",
				      name);
	if (!strcmp(name, "Name"))
		return text_value("www.example.");
	if (!strcmp(name, "Match"))
		return nd_value_list(match, 2);
	if (!strcmp(name, "Group"))
		return (struct nd_value){ .kind = ND_VALUE_MAP, .map = { group, 2 } };
	if (!strcmp(name, "Var"))
		return (struct nd_value){ .kind = ND_VALUE_MAP, .map = { var, 3 } };
	return nd_value_error(a, "can't evaluate field %s", name);
}

static struct nd_value parse_int(void *ctx, const char *name, const struct nd_value *args,
				 size_t nargs, struct nd_arena *a)
{
	(void)ctx;
	if (strcmp(name, "parseInt") != 0 || nargs != 3 || args[0].kind != ND_VALUE_STRING)
		return nd_value_error(a, "wrong call");
	char *s = nd_arena_text(a, args[0].s.text, args[0].s.len), *end;
	long n = strtol(s, &end, (int)args[1].i);
	return *end ? nd_value_error(a, "invalid syntax") : nd_value_int(n);
}

static const struct nd_gotmpl_env env = { .field = field, .function = parse_int };

/* The output of a template, or its error: "parse: ..." or "run: ...". */
static void run(const char *text, struct nd_buf *out)
{
	struct nd_gotmpl *t = NULL;
	struct nd_arena a;
	char why[300] = "";

	nd_buf_init(out, 1 << 16);
	if (nd_gotmpl_new(text, functions, &t, why, sizeof why) < 0) {
		nd_buf_printf(out, "parse: %s", why);
		return;
	}
	nd_arena_init(&a, 1 << 18);
	if (nd_gotmpl_execute(t, &env, &a, out, why, sizeof why) < 0) {
		nd_buf_reset(out);
		nd_buf_printf(out, "run: %s", why);
	}
	nd_arena_clear(&a);
	nd_gotmpl_free(t);
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

/* Expected results are from Go 1.26's text/template. */
static void test_fields_and_pipes(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "{{ .Name }} 60 IN A 10.{{ .Group.b }}.0.1", "www.example. 60 IN A 10.12.0.1" },
		{ "{{.Group.nope}}|{{.Group.nope.x}}", "<no value>|<no value>" },
		{ "{{ parseInt .Group.b 16 8 }}", "18" },
		{ "{{ .Group.b | parseInt 1 2 }}", "run: template:1: wrong call" },
		{ "{{ parseInt \"gg\" 16 8 }}", "run: template:1: invalid syntax" },
		{ "{{ .Meta \"a/b\" }}{{ \"x\" | .Meta }}{{$.Meta \"y\"}}", "<a/b><x><y>" },
		{ "{{ .Name \"x\" }}",
		  "run: template:1: Name has arguments but cannot be invoked as "
		  "function" },
		{ "{{.Foo}}", "run: template:1: can't evaluate field Foo" },
		{ "a\n{{.Name.x}}", "run: template:2: can't evaluate field x in type string" },
		{ "{{ index .Match 1 }}{{ index .Group \"a\" }}{{ index .Group \"no\" }}", "12ab" },
		{ "{{ index .Match 2 }}", "run: template:1: index out of range: 2" },
		{ "{{ (index .Match 0) | len }}{{ len .Group }}", "22" },
		{ "{{ (.Group).b }}{{ with .Group }}{{ .a }}{{ $.Name }}{{ end }}",
		  "12abwww.example." },
		{ "{{ .Match }}{{ .Group }}{{ .Var }}",
		  "[ab 12]map[a:ab b:12]map[f:2.5 num:7 yes:true]" },
		{ "{{ slice .Name 0 3 }}{{ slice .Match 1 }}", "www[12]" },
		{ "{{ slice .Name 4 3 }}", "run: template:1: invalid slice index: 4 > 3" },
		{ "{{ print 1 2 \"a\" 3 4 nil }}{{ println 1 \"a\" }}", "1 2a3 4 <nil>1 a\n" },
		{ "{{ html \"<a&'>\" }}{{ js \"it's\" }}{{ urlquery \"a b/\" .Var.no }}",
		  "&lt;a&amp;&#39;&gt;it\\'sa+b%2F%3Cno+value%3E" },
		{ "{{ 1 2 }}", "run: template:1: can't give argument to non-function" },
		{ "{{ . }}", "run: template:1: the whole data cannot be printed" },
		{ "{{ if . }}y{{ end }}", "y" },
		{ "{{ nil }}", "run: template:1: nil is not a command" },
		{ "a{{- \" b \" -}} c{{/* {{ */}}d {{- /* x */ -}} e", "a b cde" },
		{ "{{-3}}{{ 0x1F }}{{ 0b11 }}{{ 010 }}{{ 1_000 }}{{ 'a' }}{{ 2.50 }}{{ 1e6 }}",
		  "-3313810009"
		  "72.51e+06" },
		{ "{{ \"a\\tb\\x41\\u00e9\" }}{{ `raw\\n` }}", "a\tbA\xc3\xa9raw\\n" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_control(void **state)
{
	static const struct row rows[] = {
		{ "{{if .Var.yes}}a{{else}}b{{end}}{{if 0}}a{{else if \"\"}}b{{else}}c{{end}}",
		  "ac" },
		{ "{{with .Group.nope}}a{{else with .Name}}{{.}}{{else}}c{{end}}", "www.example." },
		{ "{{range .Match}}{{.}},{{end}}{{range $i, $m := .Match}}{{$i}}={{$m}};{{end}}",
		  "ab,12,0=ab;1=12;" },
		{ "{{range $k, $v := .Group}}{{$k}}={{$v}};{{end}}", "a=ab;b=12;" },
		{ "{{range 3}}{{.}}{{else}}none{{end}}{{range 0}}{{else}}none{{end}}", "012none" },
		{ "{{range 9}}{{if eq . 1}}{{continue}}{{end}}{{if gt . 3}}{{break}}{{end}}{{.}}{{end}}.",
		  "023." },
		{ "{{range .Name}}{{end}}",
		  "run: template:1: range can't iterate over a value of type "
		  "string" },
		{ "{{$x := 1}}{{if true}}{{$x = 2}}{{$x := 3}}{{$x}}{{end}}{{$x}}", "32" },
		{ "{{$x := 0}}{{range $x = .Match}}{{end}}{{$x}}", "12" },
		{ "{{and 1 0 .Foo}}{{or 0 \"x\" .Foo}}{{not 0}}{{0 | and 1}}", "0xtrue0" },
		{ "{{eq 1 2 1}}{{ne \"a\" \"b\"}}{{lt 1 2}}{{ge \"b\" \"a\"}}{{le 1.5 1.5}}",
		  "truetruetrue"
		  "truetrue" },
		{ "{{eq 1 1.0}}",
		  "run: template:1: incompatible types for comparison: int and float64" },
		{ "{{eq .Group.nope \"x\"}}{{eq .Match .Match}}",
		  "run: template:1: non-comparable type "
		  "[]interface {}" },
		{ "{{lt true false}}", "run: template:1: invalid type for comparison" },
		{ "{{len 3}}", "run: template:1: len of type int" },
		{ "{{not}}", "run: template:1: wrong number of args for not: got 0" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_printf(void **state)
{
	static const struct row rows[] = {
		{ "{{printf \"%d|%5d|%-5d|%05d|%+d|%x|%X|%#x|%o|%b|%c|%U\" 1 2 3 -4 5 255 255 255 8 5 65 "
		  "233}}",
		  "1|    2|3    |-0004|+5|ff|FF|0xff|10|101|A|U+00E9" },
		{ "{{printf \"%s|%5s|%-5s|%.2s|%q|%x|% X|%05s\" \"a\" \"b\" \"c\" \"def\" \"g\\\"\" \"hi\" "
		  "\"hi\" \"ab\"}}",
		  "a|    b|c    |de|\"g\\\"\"|6869|68 69|000ab" },
		{ "{{printf \"%v %v %v %v %v\" 1 \"a\" true nil 1.5}}", "1 a true <nil> 1.5" },
		{ "{{printf \"%.2f|%6.1f|%e|%g|%08.3f|%v\" 3.14159 2.55 1.5 1e7 -3.14159 1e20}}",
		  "3.14|   2.5|1.500000e+00|1e+07|-003.142|1e+20" },
		{ "{{printf \"%d %s\" \"x\" 5}}", "%!d(string=x) %!s(int=5)" },
		{ "{{printf \"%d\"}}{{printf \"%d\" 1 2}}{{printf \"%\"}}",
		  "%!d(MISSING)1%!(EXTRA int=2)"
		  "%!(NOVERB)" },
		{ "{{printf \"%*d|%[2]d|%[1]d\" 3 4}}{{printf \"%[5]d\" 1}}",
		  "  4|4|3%!d(BADINDEX)" },
		{ "{{printf \"%t %T %T %%\" true 1 \"\"}}", "true int string %" },
		{ "{{printf \"%v %d %q\" .Match .Match .Group}}",
		  "[ab 12] [%!d(string=ab) %!d(string=12)] map[\"a\":\"ab\" \"b\":\"12\"]" },
		{ "{{printf 1}}",
		  "run: template:1: wrong type for value; expected string; got int" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_refused(void **state)
{
	static const struct row rows[] = {
		{ "{{ nofunc }}", "parse: template:1: function \"nofunc\" not defined" },
		{ "{{ call .Name }}", "parse: template:1: function \"call\" not defined" },
		{ "{{ $x }}", "parse: template:1: undefined variable \"$x\"" },
		{ "{{if 1}}{{$x := 1}}{{end}}{{$x}}",
		  "parse: template:1: undefined variable \"$x\"" },
		{ "a\n{{", "parse: template:2: unclosed action" },
		{ "{{ (1 }}", "parse: template:1: unclosed left paren" },
		{ "{{ 1) }}", "parse: template:1: unexpected right paren" },
		{ "{{ }}", "parse: template:1: missing value for command" },
		{ "{{ if }}{{end}}", "parse: template:1: missing value for if" },
		{ "{{if 1}}", "parse: template:1: unexpected EOF" },
		{ "{{end}}", "parse: template:1: unexpected {{end}}" },
		{ "{{if 1}}{{else}}{{else}}{{end}}",
		  "parse: template:1: expected end; found {{else}}" },
		{ "{{break}}", "parse: template:1: {{break}} outside {{range}}" },
		{ "{{define \"x\"}}{{end}}", "parse: template:1: {{define}} is not supported" },
		{ "{{ \"a }}", "parse: template:1: unterminated quoted string" },
		{ "{{ `a }}", "parse: template:1: unterminated raw quoted string" },
		{ "{{ 'ab' }}", "parse: template:1: malformed character constant: 'ab'" },
		{ "{{ \"\\q\" }}", "parse: template:1: invalid syntax: \"\\q\"" },
		{ "{{/* a", "parse: template:1: unclosed comment" },
		{ "{{/* a */ b}}", "parse: template:1: comment ends before closing delimiter" },
		{ "{{ 1 | 2 }}", "parse: template:1: non executable command in pipeline stage 2" },
		{ "{{ 1.x }}", "parse: template:1: bad number syntax" },
		{ "{{ \"a\".x }}", "parse: template:1: unexpected . after term" },
		{ "{{ 99999999999999999999 }}",
		  "parse: template:1: illegal number syntax: 99999999999999999999" },
		{ "{{ 08 }}", "parse: template:1: illegal number syntax: 08" },
		{ "{{ 1i }}", "parse: template:1: imaginary numbers are not supported" },
		{ "{{ .a%b }}", "parse: template:1: bad character in a name" },
		{ "{{ $a, $b := .Name }}", "parse: template:1: too many declarations" },
		{ "{{ : }}", "parse: template:1: expected :=" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static char *repeated(const char *before, const char *text, size_t n, const char *after)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 22);
	nd_buf_text(&b, before);
	for (size_t i = 0; i < n; i++)
		nd_buf_text(&b, text);
	nd_buf_text(&b, after);
	return b.data;
}

/* Hostile templates terminate. */
static void test_limits(void **state)
{
	static const struct row rows[] = {
		{ "{{range 1000000000}}{{end}}",
		  "run: template:1: the template takes too many steps" },
		{ "{{range 1000}}{{range 1000}}{{end}}{{end}}",
		  "run: template:1: the template takes too many steps" },
		{ "{{range 90000}}xxxxxxxx{{end}}", "run: template:1: the result is too long" },
		{ "{{$x := \"xxxxxxxx\"}}{{range 90}}{{$x = print $x $x}}{{end}}",
		  "run: template:1: out of memory for one evaluation" },
		{ "{{printf \"%999999d\" 1}}",
		  "run: template:1: out of memory for one evaluation" },
	};
	char *parens = repeated("{{", "(", 5000, "1");
	char *ifs = repeated("", "{{if 1}}", 5000, "");
	(void)state;

	check(rows, ND_COUNT(rows));
	check(&(struct row){ parens, "parse: template:1: max expression depth exceeded" }, 1);
	check(&(struct row){ ifs, "parse: template:1: max expression depth exceeded" }, 1);
	free(parens);
	free(ifs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_and_pipes), cmocka_unit_test(test_control),
		cmocka_unit_test(test_printf),           cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
