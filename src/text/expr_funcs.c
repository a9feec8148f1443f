/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in functions of the subset; string functions are in expr_string.c. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/ascii.h"
#include "base/err.h"
#include "text/expr_string.h"
#include "text/expr_tree.h"
#include "text/quote.h"

enum { LIST_DEPTH_MAX = 100 };

static struct nd_value nil_value(void)
{
	return (struct nd_value){ .kind = ND_VALUE_NIL };
}

static bool is_number(const struct nd_value *v)
{
	return v->kind == ND_VALUE_INT || v->kind == ND_VALUE_FLOAT;
}

static struct nd_value call_len(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	switch (args[0].kind) {
	case ND_VALUE_STRING:
		return nd_value_int((int64_t)nd_quote_count(args[0].s.text, args[0].s.len));
	case ND_VALUE_LIST: return nd_value_int((int64_t)args[0].list.n);
	case ND_VALUE_MAP: return nd_value_int((int64_t)args[0].map.n);
	default:
		return nd_value_error(a, "invalid argument for len (type %s)",
				      nd_value_type(&args[0]));
	}
}

/* Copies the text as a C string; false if it contains NUL or is too long for a number. */
static bool number_text(const struct nd_value *v, char *to, size_t cap)
{
	if (v->s.len == 0 || v->s.len >= cap || memchr(v->s.text, '\0', v->s.len))
		return false;
	memcpy(to, v->s.text, v->s.len);
	to[v->s.len] = '\0';
	return true;
}

static struct nd_value bad_number(const char *function, const struct nd_value *v,
				  struct nd_arena *a)
{
	if (v->kind == ND_VALUE_STRING)
		return nd_value_error(a, "invalid operation: %s(%.*s)", function,
				      (int)(v->s.len < 60 ? v->s.len : 60), v->s.text);
	return nd_value_error(a, "invalid operation: %s(%s)", function, nd_value_type(v));
}

static struct nd_value call_int(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	char text[64], *end;
	(void)nargs;

	if (args[0].kind == ND_VALUE_INT)
		return args[0];
	if (args[0].kind == ND_VALUE_FLOAT) {
		double f = args[0].f; /* out of range: the result of amd64, as in Go */
		return nd_value_int(f >= -0x1p63 && f < 0x1p63 ? (int64_t)f : INT64_MIN);
	}
	if (args[0].kind != ND_VALUE_STRING || !number_text(&args[0], text, sizeof text))
		return bad_number("int", &args[0], a);
	const char *digits = text + (*text == '-' || *text == '+');
	errno = 0;
	int64_t i = strtoll(text, &end, 10);
	if (!nd_ascii_is_digit(*digits) || *end || errno)
		return bad_number("int", &args[0], a);
	return nd_value_int(i);
}

static struct nd_value call_float(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	char text[400], *end;
	(void)nargs;

	if (args[0].kind == ND_VALUE_FLOAT)
		return args[0];
	if (args[0].kind == ND_VALUE_INT)
		return nd_value_float((double)args[0].i);
	if (args[0].kind != ND_VALUE_STRING || !number_text(&args[0], text, sizeof text) ||
	    nd_ascii_is_space(text[0]) || strchr(text, '('))
		return bad_number("float", &args[0], a);
	errno = 0;
	double f = strtod(text, &end);
	if (end == text || *end || (errno == ERANGE && isinf(f)))
		return bad_number("float", &args[0], a);
	return nd_value_float(f);
}

/* The minimum or maximum of numbers and nested lists of numbers. False with *error set. */
static bool extreme(const struct nd_value *args, size_t n, bool max, unsigned depth,
		    struct nd_value *best, struct nd_value *error, struct nd_arena *a)
{
	for (size_t i = 0; i < n; i++) {
		const struct nd_value *v = &args[i];
		if (v->kind == ND_VALUE_LIST && depth < LIST_DEPTH_MAX) {
			if (!extreme(v->list.items, v->list.n, max, depth + 1, best, error, a))
				return false;
			continue;
		}
		if (!is_number(v)) {
			*error = nd_value_error(a, "invalid argument for %s (type %s)",
						max ? "max" : "min", nd_value_type(v));
			return false;
		}
		int c = best->kind == ND_VALUE_NIL ? 0 : nd_value_compare(v, best);
		if (best->kind == ND_VALUE_NIL || (max ? c > 0 : c < 0))
			*best = *v;
	}
	return true;
}

static struct nd_value call_min(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_value best = nil_value(), error;
	return extreme(args, nargs, false, 0, &best, &error, a) ? best : error;
}

static struct nd_value call_max(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_value best = nil_value(), error;
	return extreme(args, nargs, true, 0, &best, &error, a) ? best : error;
}

static struct nd_value call_abs(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	if (args[0].kind == ND_VALUE_FLOAT)
		return nd_value_float(args[0].f < 0 ? -args[0].f : args[0].f);
	return args[0].i < 0 ? nd_expr_ops_unary(ND_EXPR_NEGATE, &args[0], a) : args[0];
}

static struct nd_value rounded(const struct nd_value *v, double (*how)(double))
{
	return nd_value_float(v->kind == ND_VALUE_FLOAT ? how(v->f) : (double)v->i);
}

static struct nd_value call_ceil(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	(void)a;
	return rounded(&args[0], ceil);
}

static struct nd_value call_floor(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	(void)a;
	return rounded(&args[0], floor);
}

static struct nd_value call_round(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	(void)a;
	return rounded(&args[0], round);
}

/* nil if there is no such element. */
static struct nd_value element(const struct nd_value *of, int64_t at, struct nd_arena *a)
{
	struct nd_value index = nd_value_int(at), v = nd_expr_ops_member(of, &index, a);
	return v.kind == ND_VALUE_ERROR ? nil_value() : v;
}

static struct nd_value call_first(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	return element(&args[0], 0, a);
}

static struct nd_value call_last(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	return element(&args[0], -1, a);
}

/* Argument types: s string, i int, n number, l list, a any. Functions with c (has a length), v
 * (convertible to a number) or f (list) check the value themselves; here only statically known
 * types are checked. The last type applies to all further arguments. */
static const struct function {
	const char *name;
	size_t least, most;
	const char *types;
	enum nd_expr_type result;
	nd_expr_call *call;
} functions[] = {
	{ "len", 1, 1, "c", ND_EXPR_T_INT, call_len },
	{ "int", 1, 1, "v", ND_EXPR_T_INT, call_int },
	{ "float", 1, 1, "v", ND_EXPR_T_FLOAT, call_float },
	{ "string", 1, 1, "a", ND_EXPR_T_STRING, nd_expr_string_format },
	{ "lower", 1, 1, "s", ND_EXPR_T_STRING, nd_expr_string_lower },
	{ "upper", 1, 1, "s", ND_EXPR_T_STRING, nd_expr_string_upper },
	{ "trim", 1, 2, "s", ND_EXPR_T_STRING, nd_expr_string_trim },
	{ "trimPrefix", 1, 2, "s", ND_EXPR_T_STRING, nd_expr_string_trim_prefix },
	{ "trimSuffix", 1, 2, "s", ND_EXPR_T_STRING, nd_expr_string_trim_suffix },
	{ "split", 2, 3, "ssi", ND_EXPR_T_LIST, nd_expr_string_split },
	{ "join", 1, 2, "ls", ND_EXPR_T_STRING, nd_expr_string_join },
	{ "replace", 3, 4, "sssi", ND_EXPR_T_STRING, nd_expr_string_replace },
	{ "repeat", 2, 2, "si", ND_EXPR_T_STRING, nd_expr_string_repeat },
	{ "indexOf", 2, 2, "s", ND_EXPR_T_INT, nd_expr_string_index_of },
	{ "lastIndexOf", 2, 2, "s", ND_EXPR_T_INT, nd_expr_string_last_index_of },
	{ "hasPrefix", 2, 2, "s", ND_EXPR_T_BOOL, nd_expr_string_has_prefix },
	{ "hasSuffix", 2, 2, "s", ND_EXPR_T_BOOL, nd_expr_string_has_suffix },
	{ "min", 1, SIZE_MAX, "a", ND_EXPR_ANY, call_min },
	{ "max", 1, SIZE_MAX, "a", ND_EXPR_ANY, call_max },
	{ "abs", 1, 1, "n", ND_EXPR_ANY, call_abs },
	{ "ceil", 1, 1, "n", ND_EXPR_T_FLOAT, call_ceil },
	{ "floor", 1, 1, "n", ND_EXPR_T_FLOAT, call_floor },
	{ "round", 1, 1, "n", ND_EXPR_T_FLOAT, call_round },
	{ "first", 1, 1, "f", ND_EXPR_ANY, call_first },
	{ "last", 1, 1, "f", ND_EXPR_ANY, call_last },
};

static const char *const predicates[] = {
	[ND_EXPR_ALL] = "all",       [ND_EXPR_NONE] = "none",
	[ND_EXPR_ANY_OF] = "any",    [ND_EXPR_ONE] = "one",
	[ND_EXPR_FILTER] = "filter", [ND_EXPR_MAP_OVER] = "map",
	[ND_EXPR_COUNT] = "count",   [ND_EXPR_SUM] = "sum",
	[ND_EXPR_FIND] = "find",     [ND_EXPR_FIND_INDEX] = "findIndex",
};

/* Other functions of expr-lang; reserved names too. */
static const char *const others[] = {
	"findLast",   "findLastIndex", "groupBy",  "sortBy",  "reduce",    "type",
	"splitAfter", "mean",          "median",   "toJSON",  "fromJSON",  "toBase64",
	"fromBase64", "now",           "duration", "date",    "timezone",  "get",
	"take",       "keys",          "values",   "toPairs", "fromPairs", "reverse",
	"uniq",       "concat",        "flatten",  "sort",    "bitand",    "bitor",
	"bitxor",     "bitnand",       "bitshl",   "bitshr",  "bitushr",   "bitnot",
};

static bool same(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

int nd_expr_funcs_find(const char *name, size_t len, bool *known)
{
	*known = false;
	for (size_t i = 0; i < ND_COUNT(functions); i++)
		if (same(functions[i].name, name, len))
			return (int)i;
	for (size_t i = 0; i < ND_COUNT(others); i++)
		if (same(others[i], name, len))
			*known = true;
	return -1;
}

int nd_expr_funcs_predicate(const char *name, size_t len)
{
	for (size_t i = 0; i < ND_COUNT(predicates); i++)
		if (same(predicates[i], name, len))
			return (int)i;
	return -1;
}

bool nd_expr_funcs_predicate_optional(int predicate)
{
	return predicate == ND_EXPR_COUNT || predicate == ND_EXPR_SUM;
}

bool nd_expr_reserved(const char *name)
{
	static const char *const words[] = {
		"true",    "false",    "nil",        "not",      "in",  "or", "and",
		"matches", "contains", "startsWith", "endsWith", "let", "if", "else",
	};
	size_t len = strlen(name);
	bool known;

	for (size_t i = 0; i < ND_COUNT(words); i++)
		if (same(words[i], name, len))
			return true;
	return nd_expr_funcs_find(name, len, &known) >= 0 || known ||
	       nd_expr_funcs_predicate(name, len) >= 0;
}

static char type_at(const struct function *f, size_t i)
{
	size_t n = strlen(f->types);
	return f->types[i < n ? i : n - 1];
}

static bool type_fits(char wanted, enum nd_expr_type t)
{
	bool number = t == ND_EXPR_T_INT || t == ND_EXPR_T_FLOAT;

	if (t == ND_EXPR_ANY)
		return true;
	switch (wanted) {
	case 's': return t == ND_EXPR_T_STRING;
	case 'i': return t == ND_EXPR_T_INT;
	case 'n': return number;
	case 'v': return number || t == ND_EXPR_T_STRING;
	case 'f':
	case 'l': return t == ND_EXPR_T_LIST;
	case 'c': return t == ND_EXPR_T_STRING || t == ND_EXPR_T_LIST || t == ND_EXPR_T_MAP;
	default: return true;
	}
}

static bool value_fits(char wanted, const struct nd_value *v)
{
	switch (wanted) {
	case 's': return v->kind == ND_VALUE_STRING;
	case 'i': return v->kind == ND_VALUE_INT;
	case 'n': return is_number(v);
	case 'l': return v->kind == ND_VALUE_LIST;
	default: return true;
	}
}

const char *nd_expr_funcs_check(size_t function, const struct nd_expr_node *args, size_t nargs,
				enum nd_expr_type *result, char *buf, size_t cap)
{
	const struct function *f = &functions[function];
	size_t i = 0;

	if (nargs < f->least || nargs > f->most) {
		snprintf(buf, cap, "%s arguments to call %s",
			 nargs < f->least ? "not enough" : "too many", f->name);
		return buf;
	}
	for (const struct nd_expr_node *n = args; n; n = n->next, i++) {
		if (type_fits(type_at(f, i), n->type))
			continue;
		snprintf(buf, cap, "cannot use %s as argument %zu to call %s",
			 nd_expr_ops_type(n->type), i + 1, f->name);
		return buf;
	}
	*result = f->result;
	return NULL;
}

struct nd_value nd_expr_funcs_call(size_t function, const struct nd_value *args, size_t nargs,
				   struct nd_arena *a)
{
	const struct function *f = &functions[function];

	for (size_t i = 0; i < nargs; i++)
		if (!value_fits(type_at(f, i), &args[i]))
			return nd_value_error(a, "invalid argument for %s (type %s)", f->name,
					      nd_value_type(&args[i]));
	return f->call(args, nargs, a);
}
