/* SPDX-License-Identifier: Apache-2.0 */
#include "text/expr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "text/expr_tree.h"

enum {
	TREE_MAX_BYTES = 8 << 20,
	STEPS_MAX = 1000000, /* nodes visited in one evaluation */
};

/* The element that # refers to; a nested closure hides the outer one. */
struct element {
	const struct nd_value *value;
	size_t index;
};

struct run {
	const struct nd_expr_env *env;
	struct nd_arena *arena;
	const struct element *element;
	unsigned steps;
	bool skipped; /* a ?. met nil: everything up to the enclosing CHAIN is nil */
};

static struct nd_value eval(struct run *r, const struct nd_expr_node *n);

static struct nd_value nil_value(void)
{
	return (struct nd_value){ .kind = ND_VALUE_NIL };
}

static bool is_error(const struct nd_value *v)
{
	return v->kind == ND_VALUE_ERROR;
}

static struct nd_value not_bool(struct run *r, const struct nd_value *v)
{
	return is_error(v) ? *v
			   : nd_value_error(r->arena, "expected a bool, got %s", nd_value_type(v));
}

/* Evaluates the arguments or elements of n into the arena; NULL with *error set. */
static struct nd_value *eval_args(struct run *r, const struct nd_expr_node *n,
				  struct nd_value *error)
{
	static struct nd_value none[1]; /* never written */
	struct nd_value *args = n->nargs ? nd_arena_array(r->arena, n->nargs, sizeof *args) : none;
	size_t i = 0;

	*error = nd_value_limit();
	if (!args)
		return NULL;
	for (const struct nd_expr_node *arg = n->args; arg; arg = arg->next, i++) {
		args[i] = eval(r, arg);
		if (is_error(&args[i])) {
			*error = args[i];
			return NULL;
		}
	}
	return args;
}

static struct nd_value eval_variable(struct run *r, const struct nd_expr_node *n)
{
	if (!r->env->variable)
		return nd_value_error(r->arena, "unknown name %s", n->name);
	return nd_value_clean(r->env->variable(r->env->ctx, n->name, r->arena));
}

static struct nd_value eval_callers(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value error, *args = eval_args(r, n, &error);

	if (!args)
		return error;
	if (!r->env->function)
		return nd_value_error(r->arena, "unknown name %s", n->name);
	return nd_value_clean(r->env->function(r->env->ctx, n->name, args, n->nargs, r->arena));
}

static struct nd_value eval_builtin(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value error, *args = eval_args(r, n, &error);

	return args ? nd_expr_funcs_call(n->function, args, n->nargs, r->arena) : error;
}

static struct nd_value eval_list(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value error, *items = eval_args(r, n, &error);

	return items ? nd_value_list(items, n->nargs) : error;
}

/* The index of the key, or n if it is new. */
static size_t find_key(const struct nd_value_pair *pairs, size_t n, const struct nd_value *key)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(pairs[i].key) == key->s.len &&
		    memcmp(pairs[i].key, key->s.text, key->s.len) == 0)
			return i;
	return n;
}

/* The last value of a repeated key wins. */
static struct nd_value eval_map(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value error, *items = eval_args(r, n, &error);
	struct nd_value_pair *pairs = nd_arena_array(r->arena, n->nargs / 2, sizeof *pairs);
	size_t count = 0;

	if (!items || !pairs)
		return items ? nd_value_limit() : error;
	for (size_t i = 0; i + 1 < n->nargs; i += 2) {
		const struct nd_value *key = &items[i];
		if (key->kind != ND_VALUE_STRING)
			return nd_value_error(r->arena, "a map key must be a string, not %s",
					      nd_value_type(key));
		size_t at = find_key(pairs, count, key);
		if (at == count) {
			pairs[count].key = nd_arena_text(r->arena, key->s.text, key->s.len);
			if (!pairs[count++].key)
				return nd_value_limit();
		}
		pairs[at].value = items[i + 1];
	}
	return (struct nd_value){ .kind = ND_VALUE_MAP, .map = { pairs, count } };
}

static struct nd_value eval_member(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value of = eval(r, n->a), key;

	if (is_error(&of) || r->skipped)
		return of;
	if (n->optional && of.kind == ND_VALUE_NIL) {
		r->skipped = true;
		return of;
	}
	key = eval(r, n->b);
	return is_error(&key) ? key : nd_expr_ops_member(&of, &key, r->arena);
}

static struct nd_value eval_chain(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value v = eval(r, n->a);

	r->skipped = false;
	return v;
}

static struct nd_value eval_slice(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value of = eval(r, n->a), from, to;

	if (is_error(&of))
		return of;
	from = n->b ? eval(r, n->b) : nil_value();
	to = n->c && !is_error(&from) ? eval(r, n->c) : nil_value();
	if (is_error(&from) || is_error(&to))
		return is_error(&from) ? from : to;
	return nd_expr_ops_slice(&of, n->b ? &from : NULL, n->c ? &to : NULL, r->arena);
}

/* Evaluates the right side only if the left one does not decide; the result is then the right
 * side, of any type. */
static struct nd_value eval_and_or(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value v = eval(r, n->a);

	if (v.kind != ND_VALUE_BOOL)
		return not_bool(r, &v);
	if (v.b == (n->op == ND_EXPR_OR))
		return v;
	return eval(r, n->b);
}

static struct nd_value eval_binary(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value x, y;

	if (n->op == ND_EXPR_AND || n->op == ND_EXPR_OR)
		return eval_and_or(r, n);
	x = eval(r, n->a);
	if (is_error(&x) || (n->op == ND_EXPR_COALESCE && x.kind != ND_VALUE_NIL))
		return x;
	y = eval(r, n->b);
	if (is_error(&y) || n->op == ND_EXPR_COALESCE)
		return y;
	if (n->op == ND_EXPR_MATCHES)
		return nd_expr_ops_matches(&x, &y, n->regex, r->arena);
	return nd_expr_ops_binary(n->op, &x, &y, r->arena);
}

static struct nd_value eval_unary(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value v = eval(r, n->a);

	return is_error(&v) ? v : nd_expr_ops_unary(n->op, &v, r->arena);
}

static struct nd_value eval_condition(struct run *r, const struct nd_expr_node *n)
{
	struct nd_value v = eval(r, n->a);

	if (v.kind != ND_VALUE_BOOL)
		return not_bool(r, &v);
	return eval(r, v.b ? n->b : n->c);
}

/* The running result of a predicate. */
struct tally {
	size_t hits;            /* elements whose closure was true */
	struct nd_value *items; /* of filter and map */
	size_t nitems;
	struct nd_value sum;
	const struct nd_value *found;
	size_t found_at;
};

/* Adds the closure's result for one element. True: the other elements do not matter. */
static bool add_result(struct run *r, size_t predicate, const struct nd_value *element,
		       size_t index, const struct nd_value *result, struct tally *t)
{
	if (predicate == ND_EXPR_SUM) {
		t->sum = nd_expr_ops_binary(ND_EXPR_ADD, &t->sum, result, r->arena);
		return is_error(&t->sum);
	}
	if (predicate == ND_EXPR_MAP_OVER) {
		t->items[t->nitems++] = *result;
		return false;
	}
	if (!result->b)
		return predicate == ND_EXPR_ALL;
	t->hits++;
	if (predicate == ND_EXPR_FILTER)
		t->items[t->nitems++] = *element;
	t->found = element;
	t->found_at = index;
	return predicate == ND_EXPR_ANY_OF || predicate == ND_EXPR_NONE ||
	       predicate == ND_EXPR_FIND || predicate == ND_EXPR_FIND_INDEX ||
	       (predicate == ND_EXPR_ONE && t->hits > 1);
}

static struct nd_value tally_value(size_t predicate, size_t n, const struct tally *t)
{
	switch ((enum nd_expr_predicate)predicate) {
	case ND_EXPR_ALL: return nd_value_bool(t->hits == n);
	case ND_EXPR_NONE: return nd_value_bool(t->hits == 0);
	case ND_EXPR_ANY_OF: return nd_value_bool(t->hits > 0);
	case ND_EXPR_ONE: return nd_value_bool(t->hits == 1);
	case ND_EXPR_FILTER:
	case ND_EXPR_MAP_OVER: return nd_value_list(t->items, t->nitems);
	case ND_EXPR_COUNT: return nd_value_int((int64_t)t->hits);
	case ND_EXPR_SUM: return t->sum;
	case ND_EXPR_FIND: return t->found ? *t->found : nil_value();
	case ND_EXPR_FIND_INDEX: break;
	}
	return t->found ? nd_value_int((int64_t)t->found_at) : nil_value();
}

static struct nd_value eval_predicate(struct run *r, const struct nd_expr_node *n)
{
	bool gathers = n->function == ND_EXPR_FILTER || n->function == ND_EXPR_MAP_OVER;
	bool any = n->function == ND_EXPR_MAP_OVER || n->function == ND_EXPR_SUM;
	const struct element *outer = r->element;
	struct nd_value list = eval(r, n->a), result;
	struct tally t = { .sum = nd_value_int(0) };

	if (is_error(&list))
		return list;
	if (list.kind != ND_VALUE_LIST)
		return nd_value_error(r->arena, "a predicate takes only a list (got %s)",
				      nd_value_type(&list));
	if (gathers && !(t.items = nd_arena_array(r->arena, list.list.n, sizeof *t.items)))
		return nd_value_limit();
	for (size_t i = 0; i < list.list.n; i++) {
		struct element element = { &list.list.items[i], i };
		r->element = &element;
		result = n->b ? eval(r, n->b) : *element.value;
		r->element = outer;
		if (is_error(&result) || (!any && result.kind != ND_VALUE_BOOL))
			return not_bool(r, &result);
		if (add_result(r, n->function, element.value, i, &result, &t))
			break;
	}
	return tally_value(n->function, list.list.n, &t);
}

static struct nd_value eval(struct run *r, const struct nd_expr_node *n)
{
	if (++r->steps > STEPS_MAX)
		return nd_value_error(r->arena, "the expression takes too many steps");
	switch (n->kind) {
	case ND_EXPR_CONSTANT: return n->constant;
	case ND_EXPR_VARIABLE: return eval_variable(r, n);
	case ND_EXPR_CALLERS: return eval_callers(r, n);
	case ND_EXPR_BUILTIN: return eval_builtin(r, n);
	case ND_EXPR_PREDICATE: return eval_predicate(r, n);
	case ND_EXPR_UNARY: return eval_unary(r, n);
	case ND_EXPR_BINARY: return eval_binary(r, n);
	case ND_EXPR_CONDITION: return eval_condition(r, n);
	case ND_EXPR_MEMBER: return eval_member(r, n);
	case ND_EXPR_CHAIN: return eval_chain(r, n);
	case ND_EXPR_SLICE: return eval_slice(r, n);
	case ND_EXPR_LIST: return eval_list(r, n);
	case ND_EXPR_MAP: return eval_map(r, n);
	case ND_EXPR_ELEMENT: return *r->element->value;
	case ND_EXPR_ELEMENT_INDEX: break;
	}
	return nd_value_int((int64_t)r->element->index);
}

int nd_expr_new(const char *text, const char *const *variables,
		const struct nd_expr_function *const *functions, struct nd_expr **out,
		char *why_buf, size_t why_cap)
{
	struct nd_expr *e = calloc(1, sizeof *e);

	if (!e)
		return ND_ELIMIT;
	nd_arena_init(&e->arena, TREE_MAX_BYTES);
	int ret = nd_expr_parse(e, text, variables, functions, why_buf, why_cap);
	if (ret < 0) {
		nd_expr_free(e);
		return ret;
	}
	*out = e;
	return 0;
}

void nd_expr_free(struct nd_expr *e)
{
	if (!e)
		return;
	for (struct nd_expr_node *n = e->regexes; n; n = n->next_regex)
		nd_regex_free(n->regex);
	nd_arena_clear(&e->arena);
	free(e);
}

struct nd_value nd_expr_eval(const struct nd_expr *e, const struct nd_expr_env *env,
			     struct nd_arena *a)
{
	struct run r = { .env = env, .arena = a };

	return eval(&r, e->root);
}
