/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>
#include "base/err.h"
#include "text/expr_tree.h"

enum { RANGE_MAX = 1000000 }; /* elements; expr-lang's budget */

static const char *const names[] = {
	[ND_EXPR_OR] = "or",
	[ND_EXPR_AND] = "and",
	[ND_EXPR_EQ] = "==",
	[ND_EXPR_NE] = "!=",
	[ND_EXPR_LT] = "<",
	[ND_EXPR_GT] = ">",
	[ND_EXPR_GE] = ">=",
	[ND_EXPR_LE] = "<=",
	[ND_EXPR_IN] = "in",
	[ND_EXPR_MATCHES] = "matches",
	[ND_EXPR_CONTAINS] = "contains",
	[ND_EXPR_STARTS] = "startsWith",
	[ND_EXPR_ENDS] = "endsWith",
	[ND_EXPR_RANGE] = "..",
	[ND_EXPR_ADD] = "+",
	[ND_EXPR_SUB] = "-",
	[ND_EXPR_MUL] = "*",
	[ND_EXPR_DIV] = "/",
	[ND_EXPR_MOD] = "%",
	[ND_EXPR_POW] = "**",
	[ND_EXPR_COALESCE] = "??",
	[ND_EXPR_NOT] = "not",
	[ND_EXPR_NEGATE] = "-",
	[ND_EXPR_PLUS] = "+",
};

const char *nd_expr_ops_name(enum nd_expr_op op)
{
	return names[op];
}

const char *nd_expr_ops_type(enum nd_expr_type type)
{
	static const char *const types[] = {
		[ND_EXPR_ANY] = "unknown",           [ND_EXPR_T_NIL] = "nil",
		[ND_EXPR_T_BOOL] = "bool",           [ND_EXPR_T_INT] = "int",
		[ND_EXPR_T_FLOAT] = "float64",       [ND_EXPR_T_STRING] = "string",
		[ND_EXPR_T_LIST] = "[]interface {}", [ND_EXPR_T_MAP] = "map[string]interface {}",
	};
	return types[type];
}

static bool may_be_number(enum nd_expr_type t)
{
	return t == ND_EXPR_ANY || t == ND_EXPR_T_INT || t == ND_EXPR_T_FLOAT;
}

static bool may_be(enum nd_expr_type t, enum nd_expr_type wanted)
{
	return t == ND_EXPR_ANY || t == wanted;
}

static bool both_may_be(enum nd_expr_type x, enum nd_expr_type y, enum nd_expr_type wanted)
{
	return may_be(x, wanted) && may_be(y, wanted);
}

static int check_sum(enum nd_expr_op op, enum nd_expr_type x, enum nd_expr_type y)
{
	if (op == ND_EXPR_ADD && both_may_be(x, y, ND_EXPR_T_STRING))
		return x == y ? (int)x : (int)ND_EXPR_ANY;
	if (!may_be_number(x) || !may_be_number(y))
		return -1;
	if (x == ND_EXPR_ANY || y == ND_EXPR_ANY)
		return ND_EXPR_ANY;
	return x == ND_EXPR_T_INT && y == ND_EXPR_T_INT ? ND_EXPR_T_INT : ND_EXPR_T_FLOAT;
}

/* Comparing types that are never equal is an error. nil can be compared with everything. */
static bool comparable(enum nd_expr_type x, enum nd_expr_type y)
{
	return x == y || x == ND_EXPR_ANY || y == ND_EXPR_ANY || x == ND_EXPR_T_NIL ||
	       y == ND_EXPR_T_NIL || (may_be_number(x) && may_be_number(y));
}

static int check_in(enum nd_expr_type x, enum nd_expr_type y)
{
	if (y == ND_EXPR_T_MAP && !may_be(x, ND_EXPR_T_STRING))
		return -1;
	return y == ND_EXPR_T_MAP || y == ND_EXPR_T_LIST || y == ND_EXPR_ANY ? ND_EXPR_T_BOOL : -1;
}

int nd_expr_ops_check(enum nd_expr_op op, enum nd_expr_type x, enum nd_expr_type y)
{
	bool numbers = may_be_number(x) && may_be_number(y);

	switch (op) {
	case ND_EXPR_OR:
	case ND_EXPR_AND: return both_may_be(x, y, ND_EXPR_T_BOOL) ? ND_EXPR_T_BOOL : -1;
	case ND_EXPR_EQ:
	case ND_EXPR_NE: return comparable(x, y) ? ND_EXPR_T_BOOL : -1;
	case ND_EXPR_LT:
	case ND_EXPR_GT:
	case ND_EXPR_GE:
	case ND_EXPR_LE:
		return numbers || both_may_be(x, y, ND_EXPR_T_STRING) ? ND_EXPR_T_BOOL : -1;
	case ND_EXPR_IN: return check_in(x, y);
	case ND_EXPR_MATCHES:
	case ND_EXPR_CONTAINS:
	case ND_EXPR_STARTS:
	case ND_EXPR_ENDS: return both_may_be(x, y, ND_EXPR_T_STRING) ? ND_EXPR_T_BOOL : -1;
	case ND_EXPR_RANGE: return both_may_be(x, y, ND_EXPR_T_INT) ? ND_EXPR_T_LIST : -1;
	case ND_EXPR_ADD:
	case ND_EXPR_SUB:
	case ND_EXPR_MUL: return check_sum(op, x, y);
	case ND_EXPR_DIV:
	case ND_EXPR_POW: return numbers ? ND_EXPR_T_FLOAT : -1;
	case ND_EXPR_MOD: return both_may_be(x, y, ND_EXPR_T_INT) ? ND_EXPR_T_INT : -1;
	case ND_EXPR_COALESCE:
		return x == ND_EXPR_T_NIL             ? (int)y
		       : x == y || y == ND_EXPR_T_NIL ? (int)x
						      : ND_EXPR_ANY;
	case ND_EXPR_NOT: return may_be(x, ND_EXPR_T_BOOL) ? ND_EXPR_T_BOOL : -1;
	case ND_EXPR_NEGATE:
	case ND_EXPR_PLUS: break;
	}
	return may_be_number(x) ? (int)x : -1;
}

static struct nd_value mismatch(enum nd_expr_op op, const struct nd_value *x,
				const struct nd_value *y, struct nd_arena *a)
{
	return nd_value_error(a, "invalid operation: %s (mismatched types %s and %s)", names[op],
			      nd_value_type(x), nd_value_type(y));
}

static bool is_number(const struct nd_value *v)
{
	return v->kind == ND_VALUE_INT || v->kind == ND_VALUE_FLOAT;
}

static double number(const struct nd_value *v)
{
	return v->kind == ND_VALUE_INT ? (double)v->i : v->f;
}

struct nd_value nd_expr_ops_unary(enum nd_expr_op op, const struct nd_value *v, struct nd_arena *a)
{
	if (op == ND_EXPR_NOT && v->kind == ND_VALUE_BOOL)
		return nd_value_bool(!v->b);
	if (op == ND_EXPR_PLUS) /* expr-lang does not look */
		return *v;
	if (op == ND_EXPR_NEGATE && v->kind == ND_VALUE_FLOAT)
		return nd_value_float(-v->f);
	if (op == ND_EXPR_NEGATE && v->kind == ND_VALUE_INT) /* wraps, as in Go */
		return nd_value_int((int64_t)(0 - (uint64_t)v->i));
	return nd_value_error(a, "invalid operation: %s (mismatched type %s)", names[op],
			      nd_value_type(v));
}

static struct nd_value concat(const struct nd_value *x, const struct nd_value *y,
			      struct nd_arena *a)
{
	char *text = nd_arena_alloc(a, x->s.len + y->s.len + 1);

	if (!text)
		return nd_value_limit();
	if (x->s.len)
		memcpy(text, x->s.text, x->s.len);
	if (y->s.len)
		memcpy(text + x->s.len, y->s.text, y->s.len);
	return nd_value_string(text, x->s.len + y->s.len);
}

/* Of two ints an int, and it wraps as in Go; '/' and '**' are always of floats. */
static struct nd_value arithmetic(enum nd_expr_op op, const struct nd_value *x,
				  const struct nd_value *y, struct nd_arena *a)
{
	bool ints = x->kind == ND_VALUE_INT && y->kind == ND_VALUE_INT;
	uint64_t i = (uint64_t)x->i, j = (uint64_t)y->i;

	if (!is_number(x) || !is_number(y) || (op == ND_EXPR_MOD && !ints))
		return mismatch(op, x, y, a);
	switch (op) {
	case ND_EXPR_ADD:
		return ints ? nd_value_int((int64_t)(i + j))
			    : nd_value_float(number(x) + number(y));
	case ND_EXPR_SUB:
		return ints ? nd_value_int((int64_t)(i - j))
			    : nd_value_float(number(x) - number(y));
	case ND_EXPR_MUL:
		return ints ? nd_value_int((int64_t)(i * j))
			    : nd_value_float(number(x) * number(y));
	case ND_EXPR_DIV: return nd_value_float(number(x) / number(y));
	case ND_EXPR_POW: return nd_value_float(pow(number(x), number(y)));
	default: break;
	}
	if (y->i == 0)
		return nd_value_error(a, "integer divide by zero");
	return nd_value_int(y->i == -1 ? 0 : x->i % y->i); /* INT64_MIN % -1 traps */
}

static struct nd_value order(enum nd_expr_op op, const struct nd_value *x, const struct nd_value *y,
			     struct nd_arena *a)
{
	bool strings = x->kind == ND_VALUE_STRING && y->kind == ND_VALUE_STRING;

	if (!strings && (!is_number(x) || !is_number(y)))
		return mismatch(op, x, y, a);
	if (!strings && (isnan(number(x)) || isnan(number(y))))
		return nd_value_bool(false);
	int c = nd_value_compare(x, y);
	return nd_value_bool(op == ND_EXPR_LT   ? c < 0
			     : op == ND_EXPR_GT ? c > 0
			     : op == ND_EXPR_GE ? c >= 0
						: c <= 0);
}

static struct nd_value is_in(const struct nd_value *x, const struct nd_value *y, struct nd_arena *a)
{
	switch (y->kind) {
	case ND_VALUE_NIL: return nd_value_bool(false);
	case ND_VALUE_LIST:
		for (size_t i = 0; i < y->list.n; i++)
			if (nd_value_equal(x, &y->list.items[i]))
				return nd_value_bool(true);
		return nd_value_bool(false);
	case ND_VALUE_MAP:
		if (x->kind != ND_VALUE_STRING)
			return nd_value_error(a, "cannot use %s as type string in map key",
					      nd_value_type(x));
		return nd_value_bool(nd_value_find(y, x->s.text, x->s.len) != NULL);
	default: return nd_value_error(a, "operator \"in\" not defined on %s", nd_value_type(y));
	}
}

/* A nil operand makes contains, startsWith, endsWith and matches false. */
static bool one_is_nil(const struct nd_value *x, const struct nd_value *y)
{
	return x->kind == ND_VALUE_NIL || y->kind == ND_VALUE_NIL;
}

static struct nd_value of_strings(enum nd_expr_op op, const struct nd_value *x,
				  const struct nd_value *y, struct nd_arena *a)
{
	size_t n, m;

	if (one_is_nil(x, y))
		return nd_value_bool(false);
	if (x->kind != ND_VALUE_STRING || y->kind != ND_VALUE_STRING)
		return mismatch(op, x, y, a);
	n = x->s.len;
	m = y->s.len;
	if (m > n)
		return nd_value_bool(false);
	if (m == 0)
		return nd_value_bool(true);
	if (op == ND_EXPR_CONTAINS)
		return nd_value_bool(memmem(x->s.text, n, y->s.text, m) != NULL);
	return nd_value_bool(memcmp(x->s.text + (op == ND_EXPR_ENDS ? n - m : 0), y->s.text, m) ==
			     0);
}

/* Truncates a bound or index that is a float. */
static bool to_int(const struct nd_value *v, int64_t *i)
{
	if (v->kind == ND_VALUE_FLOAT)
		*i = v->f >= -0x1p63 && v->f < 0x1p63 ? (int64_t)v->f : INT64_MIN;
	else
		*i = v->i;
	return is_number(v);
}

static struct nd_value range(const struct nd_value *x, const struct nd_value *y, struct nd_arena *a)
{
	int64_t from, to;

	if (!to_int(x, &from) || !to_int(y, &to))
		return mismatch(ND_EXPR_RANGE, x, y, a);
	if (to < from)
		return nd_value_list(NULL, 0);
	uint64_t n = (uint64_t)to - (uint64_t)from;
	struct nd_value *items = n < RANGE_MAX ? nd_arena_array(a, n + 1, sizeof *items) : NULL;
	if (!items)
		return nd_value_limit();
	for (uint64_t i = 0; i <= n; i++)
		items[i] = nd_value_int(from + (int64_t)i);
	return nd_value_list(items, n + 1);
}

struct nd_value nd_expr_ops_binary(enum nd_expr_op op, const struct nd_value *x,
				   const struct nd_value *y, struct nd_arena *a)
{
	switch (op) {
	case ND_EXPR_EQ: return nd_value_bool(nd_value_equal(x, y));
	case ND_EXPR_NE: return nd_value_bool(!nd_value_equal(x, y));
	case ND_EXPR_LT:
	case ND_EXPR_GT:
	case ND_EXPR_GE:
	case ND_EXPR_LE: return order(op, x, y, a);
	case ND_EXPR_IN: return is_in(x, y, a);
	case ND_EXPR_CONTAINS:
	case ND_EXPR_STARTS:
	case ND_EXPR_ENDS: return of_strings(op, x, y, a);
	case ND_EXPR_RANGE: return range(x, y, a);
	default: break;
	}
	if (op == ND_EXPR_ADD && x->kind == ND_VALUE_STRING && y->kind == ND_VALUE_STRING)
		return concat(x, y, a);
	return arithmetic(op, x, y, a);
}

struct nd_value nd_expr_ops_matches(const struct nd_value *x, const struct nd_value *y,
				    const struct nd_regex *regex, struct nd_arena *a)
{
	struct nd_regex_scratch *scratch;
	struct nd_regex *own = NULL;
	char why[200];

	if (one_is_nil(x, y))
		return nd_value_bool(false);
	if (x->kind != ND_VALUE_STRING || y->kind != ND_VALUE_STRING)
		return mismatch(ND_EXPR_MATCHES, x, y, a);
	if (!regex) {
		const char *pattern = nd_arena_text(a, y->s.text, y->s.len);
		if (!pattern)
			return nd_value_limit();
		if (nd_regex_new(pattern, &own, why, sizeof why) < 0)
			return nd_value_error(a, "%s", why);
	}
	scratch = nd_regex_scratch_in(a);
	struct nd_value v = scratch ? nd_value_bool(nd_regex_match(regex ? regex : own, scratch,
								   x->s.text, x->s.len, NULL))
				    : nd_value_limit();
	nd_regex_free(own);
	return v;
}

static size_t length_of(const struct nd_value *v)
{
	return v->kind == ND_VALUE_STRING ? v->s.len : v->list.n;
}

struct nd_value nd_expr_ops_member(const struct nd_value *of, const struct nd_value *key,
				   struct nd_arena *a)
{
	const struct nd_value *found;
	int64_t at;

	if (of->kind == ND_VALUE_MAP && key->kind == ND_VALUE_STRING) {
		found = nd_value_find(of, key->s.text, key->s.len);
		return found ? *found : (struct nd_value){ .kind = ND_VALUE_NIL };
	}
	if ((of->kind != ND_VALUE_LIST && of->kind != ND_VALUE_STRING) || !to_int(key, &at)) {
		if (key->kind == ND_VALUE_STRING)
			return nd_value_error(a, "cannot fetch %.*s from %s", (int)key->s.len,
					      key->s.text, nd_value_type(of));
		return nd_value_error(a, "cannot fetch %s from %s", nd_value_type(key),
				      nd_value_type(of));
	}
	int64_t n = (int64_t)length_of(of), i = at < 0 ? n + at : at;
	if (i < 0 || i >= n)
		return nd_value_error(a, "index out of range: %lld (array length is %lld)",
				      (long long)i, (long long)n);
	return of->kind == ND_VALUE_LIST ? of->list.items[i]
					 : nd_value_int((unsigned char)of->s.text[i]);
}

/* Counts from the end if negative; limits to 0 to n. */
static int64_t clamp(int64_t i, int64_t n)
{
	if (i < 0)
		i = i + n;
	return i < 0 ? 0 : i > n ? n : i;
}

struct nd_value nd_expr_ops_slice(const struct nd_value *of, const struct nd_value *from,
				  const struct nd_value *to, struct nd_arena *a)
{
	if (of->kind != ND_VALUE_LIST && of->kind != ND_VALUE_STRING)
		return nd_value_error(a, "cannot slice %s", nd_value_type(of));
	int64_t n = (int64_t)length_of(of), i = 0, j = n;
	if ((from && !to_int(from, &i)) || (to && !to_int(to, &j)))
		return nd_value_error(a, "non-integer slice index");
	i = clamp(i, n);
	j = clamp(j, n);
	if (i > j)
		i = j;
	if (of->kind == ND_VALUE_STRING)
		return nd_value_string(of->s.text + i, (size_t)(j - i));
	return nd_value_list(of->list.items ? of->list.items + i : NULL, (size_t)(j - i));
}
