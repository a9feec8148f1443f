/* SPDX-License-Identifier: Apache-2.0 */
#include "text/gotmpl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "text/gotmpl_tree.h"
#include "text/print.h"

enum {
	TEMPLATE_MAX_BYTES = 4 << 20, /* the parsed tree with its text */
	STEPS_MAX = 100000,           /* nodes visited in one execution */
	ARGS_MAX = 64,
};

enum flow { NORMAL, BREAK, CONTINUE, FAILED };

struct run {
	const struct nd_gotmpl *t;
	const struct nd_gotmpl_env *env;
	struct nd_arena *arena;
	struct nd_buf *out;
	struct nd_value *slots; /* variables */
	unsigned steps;
	unsigned line; /* being evaluated; for messages */
	int err;
	char *why_buf;
	size_t why_cap;
};

/* The whole data: '.' outside with and range. Represented by a map that no other value uses; only
 * its fields have values. */
static const struct nd_value_pair whole[1];

static struct nd_value whole_data(void)
{
	return (struct nd_value){ .kind = ND_VALUE_MAP, .map = { whole, 0 } };
}

static bool is_whole(const struct nd_value *v)
{
	return v->kind == ND_VALUE_MAP && v->map.pairs == whole;
}

static struct nd_value nil_value(void)
{
	return (struct nd_value){ .kind = ND_VALUE_NIL };
}

__attribute__((format(printf, 3, 4))) static void stop(struct run *r, int err, const char *format,
						       ...)
{
	char text[300];
	va_list args;

	if (r->err)
		return;
	r->err = err;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (r->why_cap)
		snprintf(r->why_buf, r->why_cap, "template:%u: %s", r->line, text);
}

/* Stops if v is an error. */
static struct nd_value checked(struct run *r, struct nd_value v)
{
	if (v.kind != ND_VALUE_ERROR)
		return nd_value_clean(v);
	stop(r, nd_value_is_limit(&v) ? ND_ELIMIT : ND_EFORMAT, "%.*s",
	     (int)(v.s.len < 250 ? v.s.len : 250), v.s.text);
	return nil_value();
}

static bool may_step(struct run *r)
{
	if (++r->steps > STEPS_MAX)
		stop(r, ND_ELIMIT, "the template takes too many steps");
	return !r->err;
}

/* The arguments of a command. */
struct call {
	const struct nd_gotmpl_node *words; /* not evaluated yet */
	const struct nd_value *final;       /* the value left of '|'; NULL: none */
};

static struct nd_value eval_pipe(struct run *r, const struct nd_value *dot,
				 const struct nd_gotmpl_node *pipe);
static struct nd_value eval_operand(struct run *r, const struct nd_value *dot,
				    const struct nd_gotmpl_node *n, const struct call *call);

static const struct call no_call;

/* Evaluates one argument. */
static struct nd_value eval_arg(struct run *r, const struct nd_value *dot,
				const struct nd_gotmpl_node *n)
{
	if (n->kind == ND_GOTMPL_N_NIL)
		return nil_value();
	return eval_operand(r, dot, n, &no_call);
}

/* Evaluates the arguments into the arena; NULL if stopped. */
static struct nd_value *eval_args(struct run *r, const struct nd_value *dot,
				  const struct call *call, size_t *nargs)
{
	struct nd_value *args;
	size_t n = call->final ? 1 : 0, i = 0;

	for (const struct nd_gotmpl_node *w = call->words; w; w = w->next)
		n++;
	args = n <= ARGS_MAX ? nd_arena_array(r->arena, n, sizeof *args) : NULL;
	if (!args) {
		stop(r, ND_ELIMIT, "too many arguments, or out of memory");
		return NULL;
	}
	for (const struct nd_gotmpl_node *w = call->words; w && !r->err; w = w->next)
		args[i++] = eval_arg(r, dot, w);
	if (call->final)
		args[n - 1] = *call->final;
	for (i = 0; i < n && !r->err; i++)
		if (is_whole(&args[i]))
			stop(r, ND_EFORMAT, "the whole data cannot be an argument");
	*nargs = n;
	return r->err ? NULL : args;
}

static bool called(const struct call *call)
{
	return call->words || call->final;
}

/* Evaluates .name of a value. Only fields of the whole data can have arguments. */
static struct nd_value eval_field(struct run *r, const struct nd_value *dot,
				  const struct nd_value *of, const char *name,
				  const struct call *call)
{
	struct nd_value *args;
	size_t nargs;

	if (is_whole(of)) {
		args = eval_args(r, dot, call, &nargs);
		if (!args)
			return nil_value();
		if (!r->env->field) {
			stop(r, ND_EFORMAT, "can't evaluate field %.60s", name);
			return nil_value();
		}
		return checked(r, r->env->field(r->env->ctx, name, args, nargs, r->arena));
	}
	if (of->kind == ND_VALUE_NIL) /* the fields of a missing key are nil too */
		return nil_value();
	if (called(call)) {
		stop(r, ND_EFORMAT, "%.60s is not a method but has arguments", name);
		return nil_value();
	}
	if (of->kind != ND_VALUE_MAP) {
		stop(r, ND_EFORMAT, "can't evaluate field %.60s in type %s", name,
		     nd_value_type(of));
		return nil_value();
	}
	const struct nd_value *found = nd_value_find(of, name, strlen(name));
	return found ? *found : nil_value();
}

/* Evaluates .a.b.c; the last field gets the arguments. */
static struct nd_value eval_fields(struct run *r, const struct nd_value *dot, struct nd_value of,
				   const struct nd_gotmpl_names *fields, const struct call *call)
{
	for (size_t i = 0; i < fields->n && !r->err; i++)
		of = eval_field(r, dot, &of, fields->names[i], i + 1 < fields->n ? &no_call : call);
	return of;
}

/* Stops at the first argument that decides. */
static struct nd_value eval_and_or(struct run *r, const struct nd_value *dot, bool or,
				   const struct call *call)
{
	struct nd_value v = nil_value();

	if (!called(call))
		stop(r, ND_EFORMAT, "wrong number of args for %s: want at least 1 got 0",
		     or ? "or" : "and");
	for (const struct nd_gotmpl_node *w = call->words; w && !r->err; w = w->next) {
		v = eval_arg(r, dot, w);
		if ((nd_value_truth(&v) || is_whole(&v)) == or)
			return v;
	}
	return call->final ? *call->final : v;
}

static struct nd_value eval_function(struct run *r, const struct nd_value *dot,
				     const struct nd_gotmpl_node *n, const struct call *call)
{
	bool lazy = !strcmp(n->name, "and") || !strcmp(n->name, "or");
	size_t nargs;

	if (lazy && !n->callers)
		return eval_and_or(r, dot, *n->name == 'o', call);
	struct nd_value *args = eval_args(r, dot, call, &nargs);
	if (!args)
		return nil_value();
	if (!n->callers)
		return checked(r, nd_gotmpl_funcs_call(n->name, args, nargs, r->arena));
	if (!r->env->function) {
		stop(r, ND_EFORMAT, "\"%.60s\" is not a defined function", n->name);
		return nil_value();
	}
	return checked(r, r->env->function(r->env->ctx, n->name, args, nargs, r->arena));
}

static struct nd_value eval_operand(struct run *r, const struct nd_value *dot,
				    const struct nd_gotmpl_node *n, const struct call *call)
{
	struct nd_value v = nil_value();

	if (!may_step(r))
		return v;
	r->line = n->line;
	switch (n->kind) {
	case ND_GOTMPL_N_FIELD: return eval_fields(r, dot, *dot, &n->fields, call);
	case ND_GOTMPL_N_VARIABLE:
		if (n->fields.n)
			return eval_fields(r, dot, r->slots[n->slot[0]], &n->fields, call);
		v = r->slots[n->slot[0]];
		break;
	case ND_GOTMPL_N_CHAIN:
		v = eval_operand(r, dot, n->first, &no_call);
		return eval_fields(r, dot, v, &n->fields, call);
	case ND_GOTMPL_N_FUNCTION: return eval_function(r, dot, n, call);
	case ND_GOTMPL_N_PIPE: v = eval_pipe(r, dot, n); break;
	case ND_GOTMPL_N_DOT: v = *dot; break;
	case ND_GOTMPL_N_CONSTANT: v = n->constant; break;
	default: stop(r, ND_EFORMAT, "nil is not a command"); break;
	}
	if (called(call))
		stop(r, ND_EFORMAT, "can't give argument to non-function");
	return v;
}

/* Evaluates the commands, each value the last argument of the next one; then sets the
 * variables. */
static struct nd_value eval_pipe(struct run *r, const struct nd_value *dot,
				 const struct nd_gotmpl_node *pipe)
{
	struct nd_value v = nil_value(), final;

	for (const struct nd_gotmpl_node *c = pipe->first; c && !r->err; c = c->next) {
		struct call call = { .words = c->first->next,
				     .final = c == pipe->first ? NULL : &final };
		v = eval_operand(r, dot, c->first, &call);
		final = v;
	}
	for (unsigned i = 0; i < pipe->slots; i++)
		r->slots[pipe->slot[i]] = v;
	return v;
}

static enum flow run_list(struct run *r, const struct nd_value *dot,
			  const struct nd_gotmpl_node *list);

static enum flow run_action(struct run *r, const struct nd_value *dot,
			    const struct nd_gotmpl_node *n)
{
	struct nd_value v = eval_pipe(r, dot, n->pipe);

	if (r->err)
		return FAILED;
	if (n->pipe->slots) /* a declaration prints nothing */
		return NORMAL;
	if (is_whole(&v)) {
		stop(r, ND_EFORMAT, "the whole data cannot be printed");
		return FAILED;
	}
	nd_print_value(r->out, r->arena, &v, "<no value>");
	return NORMAL;
}

static enum flow run_if_with(struct run *r, const struct nd_value *dot,
			     const struct nd_gotmpl_node *n)
{
	struct nd_value v = eval_pipe(r, dot, n->pipe);

	if (r->err)
		return FAILED;
	if (nd_value_truth(&v) || is_whole(&v))
		return run_list(r, n->kind == ND_GOTMPL_N_WITH ? &v : dot, n->body);
	return run_list(r, dot, n->otherwise);
}

static enum flow run_once(struct run *r, const struct nd_gotmpl_node *n, const struct nd_value *key,
			  const struct nd_value *value)
{
	if (!may_step(r))
		return FAILED;
	if (n->pipe->slots == 1)
		r->slots[n->pipe->slot[0]] = *value;
	if (n->pipe->slots == 2) {
		r->slots[n->pipe->slot[0]] = *key;
		r->slots[n->pipe->slot[1]] = *value;
	}
	enum flow flow = run_list(r, value, n->body);
	return flow == CONTINUE ? NORMAL : flow;
}

static enum flow range_list(struct run *r, const struct nd_gotmpl_node *n,
			    const struct nd_value *list)
{
	enum flow flow = NORMAL;

	for (size_t i = 0; i < list->list.n && flow == NORMAL; i++) {
		struct nd_value key = nd_value_int((int64_t)i);
		flow = run_once(r, n, &key, &list->list.items[i]);
	}
	return flow;
}

static enum flow range_map(struct run *r, const struct nd_gotmpl_node *n,
			   const struct nd_value *map)
{
	const struct nd_value_pair *pairs = nd_value_sorted(map, r->arena);
	enum flow flow = NORMAL;

	if (!pairs) {
		stop(r, ND_ELIMIT, "out of memory for one evaluation");
		return FAILED;
	}
	for (size_t i = 0; i < map->map.n && flow == NORMAL; i++) {
		struct nd_value key = nd_value_string(pairs[i].key, strlen(pairs[i].key));
		flow = run_once(r, n, &key, &pairs[i].value);
	}
	return flow;
}

static enum flow range_int(struct run *r, const struct nd_gotmpl_node *n, int64_t end)
{
	enum flow flow = NORMAL;
	struct nd_value none = nil_value();

	if (n->pipe->slots > 1) {
		stop(r, ND_EFORMAT, "can't use %lld to iterate over more than one variable",
		     (long long)end);
		return FAILED;
	}
	for (int64_t i = 0; i < end && flow == NORMAL; i++) {
		struct nd_value value = nd_value_int(i);
		flow = run_once(r, n, &none, &value);
	}
	return flow;
}

static enum flow run_range(struct run *r, const struct nd_value *dot,
			   const struct nd_gotmpl_node *n)
{
	struct nd_value v = eval_pipe(r, dot, n->pipe);
	enum flow flow;

	if (r->err)
		return FAILED;
	bool some = v.kind == ND_VALUE_INT ? v.i > 0 : nd_value_truth(&v);
	bool fits = v.kind == ND_VALUE_INT || v.kind == ND_VALUE_LIST || v.kind == ND_VALUE_NIL ||
		    (v.kind == ND_VALUE_MAP && !is_whole(&v));
	if (!fits) {
		stop(r, ND_EFORMAT, "range can't iterate over a value of type %s",
		     nd_value_type(&v));
		return FAILED;
	}
	if (v.kind == ND_VALUE_INT && (some || n->pipe->slots > 1))
		flow = range_int(r, n, v.i);
	else if (!some)
		return run_list(r, dot, n->otherwise);
	else
		flow = v.kind == ND_VALUE_LIST ? range_list(r, n, &v) : range_map(r, n, &v);
	return flow == BREAK ? NORMAL : flow;
}

static enum flow run_node(struct run *r, const struct nd_value *dot, const struct nd_gotmpl_node *n)
{
	switch (n->kind) {
	case ND_GOTMPL_N_TEXT:
		nd_buf_add(r->out, n->constant.s.text, n->constant.s.len);
		return NORMAL;
	case ND_GOTMPL_N_ACTION: return run_action(r, dot, n);
	case ND_GOTMPL_N_RANGE: return run_range(r, dot, n);
	case ND_GOTMPL_N_BREAK: return BREAK;
	case ND_GOTMPL_N_CONTINUE: return CONTINUE;
	default: return run_if_with(r, dot, n);
	}
}

static enum flow run_list(struct run *r, const struct nd_value *dot,
			  const struct nd_gotmpl_node *list)
{
	for (const struct nd_gotmpl_node *n = list; n; n = n->next) {
		if (!may_step(r))
			return FAILED;
		enum flow flow = run_node(r, dot, n);
		if (r->out->err)
			stop(r, ND_ELIMIT, "the result is too long");
		if (r->err)
			return FAILED;
		if (flow != NORMAL)
			return flow;
	}
	return NORMAL;
}

int nd_gotmpl_new(const char *text, const char *const *functions, struct nd_gotmpl **out,
		  char *why_buf, size_t why_cap)
{
	struct nd_gotmpl *t = calloc(1, sizeof *t);

	if (!t)
		return ND_ELIMIT;
	nd_arena_init(&t->arena, TEMPLATE_MAX_BYTES);
	int ret = nd_gotmpl_parse(t, text, functions, why_buf, why_cap);
	if (ret < 0) {
		nd_gotmpl_free(t);
		return ret;
	}
	*out = t;
	return 0;
}

void nd_gotmpl_free(struct nd_gotmpl *t)
{
	if (!t)
		return;
	nd_arena_clear(&t->arena);
	free(t);
}

int nd_gotmpl_execute(const struct nd_gotmpl *t, const struct nd_gotmpl_env *env,
		      struct nd_arena *a, struct nd_buf *out, char *why_buf, size_t why_cap)
{
	struct nd_value dot = whole_data();
	struct run r = {
		.t = t,
		.env = env,
		.arena = a,
		.out = out,
		.line = 1,
		.slots = nd_arena_array(a, t->slots, sizeof *r.slots),
		.why_buf = why_buf,
		.why_cap = why_cap,
	};

	if (!r.slots) {
		stop(&r, ND_ELIMIT, "out of memory for one evaluation");
		return r.err;
	}
	r.slots[0] = dot;
	run_list(&r, &dot, t->root);
	return r.err;
}
