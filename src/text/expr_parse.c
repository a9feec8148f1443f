/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "text/expr_tree.h"
#include "text/quote.h"

/* HEIGHT_MAX: a + a + a ... is flat to read, but deep to evaluate. */
enum { DEPTH_MAX = 200, HEIGHT_MAX = 1000, NODES_MAX = 10000 };

struct parser {
	struct nd_expr *e;
	const char *const *variables, *const *functions;
	struct nd_expr_lexer lexer; /* behind at */
	struct nd_expr_token at;
	unsigned depth, closures; /* closures: how many { # } this is in */
	unsigned nodes;
	int err;
	char *why_buf;
	size_t why_cap;
};

/* Keeps the first. Returns NULL, for the functions below. */
__attribute__((format(printf, 3, 4)))
static void *fail_at(struct parser *p, const struct nd_expr_token *t, const char *format, ...)
{
	char text[300];
	va_list args;

	if (p->err)
		return NULL;
	p->err = ND_EFORMAT;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (p->why_cap)
		snprintf(p->why_buf, p->why_cap, "%s (%u:%u)", text, t->line, t->column + 1);
	return NULL;
}

#define fail(p, ...) fail_at(p, &(p)->at, __VA_ARGS__)

static void *fail_memory(struct parser *p)
{
	fail(p, "expression exceeds maximum allowed nodes");
	p->err = ND_ELIMIT;
	return NULL;
}

/* How much of a token a message shows. */
static int shown(const struct nd_expr_token *t)
{
	return t->len < 60 ? (int)t->len : 60;
}

static void *fail_token(struct parser *p)
{
	if (p->at.kind == ND_EXPR_EOF)
		return fail(p, "unexpected token EOF");
	if (p->at.kind == ND_EXPR_BAD)
		return fail(p, "%.*s", shown(&p->at), p->at.text);
	return fail(p, "unexpected token \"%.*s\"", shown(&p->at), p->at.text);
}

static void step(struct parser *p)
{
	p->at = nd_expr_lex(&p->lexer);
}

static bool token_is(const struct nd_expr_token *t, enum nd_expr_token_kind kind, const char *text)
{
	return t->kind == kind && t->len == strlen(text) && memcmp(t->text, text, t->len) == 0;
}

static bool at_operator(const struct parser *p, const char *text)
{
	return token_is(&p->at, ND_EXPR_OPERATOR, text);
}

static bool at_bracket(const struct parser *p, const char *text)
{
	return token_is(&p->at, ND_EXPR_BRACKET, text);
}

static bool take_operator(struct parser *p, const char *text)
{
	bool is = at_operator(p, text);
	if (is)
		step(p);
	return is;
}

static bool take_bracket(struct parser *p, const char *text)
{
	bool is = at_bracket(p, text);
	if (is)
		step(p);
	return is;
}

static void expect_bracket(struct parser *p, const char *text)
{
	if (!take_bracket(p, text))
		fail_token(p);
}

static void expect_operator(struct parser *p, const char *text)
{
	if (!take_operator(p, text))
		fail_token(p);
}

static struct nd_expr_node *new_node(struct parser *p, enum nd_expr_kind kind, enum nd_expr_type type)
{
	struct nd_expr_node *n = p->nodes++ < NODES_MAX && !p->err
					 ? nd_arena_alloc(&p->e->arena, sizeof *n) : NULL;
	if (!n)
		return p->err ? NULL : fail_memory(p);
	n->kind = kind;
	n->type = type;
	return n;
}

static void raise_over(struct nd_expr_node *n, const struct nd_expr_node *child)
{
	if (child && child->height >= n->height)
		n->height = child->height + 1;
}

/* n has its children. */
static struct nd_expr_node *complete(struct parser *p, struct nd_expr_node *n)
{
	raise_over(n, n->a);
	raise_over(n, n->b);
	raise_over(n, n->c);
	for (const struct nd_expr_node *child = n->args; child; child = child->next)
		raise_over(n, child);
	if (n->height > HEIGHT_MAX)
		return fail(p, "expression is nested too deeply");
	return p->err ? NULL : n;
}

static struct nd_expr_node *new_constant(struct parser *p, enum nd_expr_type type, struct nd_value v)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_CONSTANT, type);

	if (n)
		n->constant = v;
	return n;
}

static bool listed(const char *const *names, const struct nd_expr_token *t)
{
	for (; names && *names; names++)
		if (strlen(*names) == t->len && memcmp(*names, t->text, t->len) == 0)
			return true;
	return false;
}

static const char *copy_token(struct parser *p, const struct nd_expr_token *t)
{
	const char *copy = nd_arena_text(&p->e->arena, t->text, t->len);
	return copy ? copy : fail_memory(p);
}

static struct nd_expr_node *parse_expression(struct parser *p, int precedence);

/* Nodes one behind the other. */
struct chain {
	struct nd_expr_node *first, **link;
	size_t n;
};

static void append(struct chain *c, struct nd_expr_node *n)
{
	if (!n)
		return;
	if (!c->link)
		c->link = &c->first;
	*c->link = n;
	c->link = &n->next;
	c->n++;
}

/* Behind the opening bracket; takes the closing one. A comma may come last. */
static void parse_elements(struct parser *p, struct chain *to, const char *close)
{
	for (bool more = false; !p->err && !at_bracket(p, close); more = true) {
		if (more)
			expect_operator(p, ",");
		if (more && at_bracket(p, close))
			break;
		append(to, parse_expression(p, 0));
	}
	expect_bracket(p, close);
}

static struct nd_expr_node *call_callers(struct parser *p, const struct nd_expr_token *name,
					 struct chain *args)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_CALLERS, ND_EXPR_ANY);

	if (!n)
		return NULL;
	n->name = copy_token(p, name);
	n->args = args->first;
	n->nargs = args->n;
	return complete(p, n);
}

static struct nd_expr_node *call_builtin(struct parser *p, const struct nd_expr_token *name,
					 size_t function, struct chain *args)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_BUILTIN, ND_EXPR_ANY);
	char buf[200];

	if (!n)
		return NULL;
	const char *why = nd_expr_funcs_check(function, args->first, args->n, &n->type, buf, sizeof buf);
	if (why)
		return fail_at(p, name, "%s", why);
	n->function = function;
	n->args = args->first;
	n->nargs = args->n;
	return complete(p, n);
}

static struct nd_expr_node *parse_closure(struct parser *p)
{
	bool brackets = take_bracket(p, "{");

	p->closures++;
	struct nd_expr_node *n = parse_expression(p, 0);
	p->closures--;
	if (brackets)
		expect_bracket(p, "}");
	return n;
}

static enum nd_expr_type predicate_type(int predicate)
{
	switch (predicate) {
	case ND_EXPR_FILTER:
	case ND_EXPR_MAP_OVER: return ND_EXPR_T_LIST;
	case ND_EXPR_COUNT: return ND_EXPR_T_INT;
	case ND_EXPR_SUM:
	case ND_EXPR_FIND:
	case ND_EXPR_FIND_INDEX: return ND_EXPR_ANY;
	default: return ND_EXPR_T_BOOL;
	}
}

/* The result of the closure must be a bool, but for map and sum. */
static void check_predicate(struct parser *p, const struct nd_expr_token *name, int predicate,
			    const struct nd_expr_node *list, const struct nd_expr_node *closure)
{
	bool any = predicate == ND_EXPR_MAP_OVER || predicate == ND_EXPR_SUM;

	if (list->type != ND_EXPR_ANY && list->type != ND_EXPR_T_LIST)
		fail_at(p, name, "builtin %.*s takes only array (got %s)", shown(name), name->text,
			nd_expr_ops_type(list->type));
	if (closure && !any && closure->type != ND_EXPR_ANY && closure->type != ND_EXPR_T_BOOL)
		fail_at(p, name, "predicate should return boolean (got %s)",
			nd_expr_ops_type(closure->type));
}

/* piped: the list, when it stands left of '|'. */
static struct nd_expr_node *parse_predicate(struct parser *p, const struct nd_expr_token *name,
					    int predicate, struct nd_expr_node *piped)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_PREDICATE, predicate_type(predicate));
	struct nd_expr_node *list = piped, *closure = NULL;

	expect_bracket(p, "(");
	if (!list && !at_bracket(p, ")")) {
		list = parse_expression(p, 0);
		if (!p->err && !at_bracket(p, ")"))
			expect_operator(p, ",");
	}
	if (!p->err && !at_bracket(p, ")"))
		closure = parse_closure(p);
	take_operator(p, ",");
	if (!p->err && (!list || (!closure && !nd_expr_funcs_predicate_optional(predicate))))
		fail(p, "not enough arguments to call %.*s", shown(name), name->text);
	expect_bracket(p, ")");
	if (p->err || !n)
		return NULL;
	check_predicate(p, name, predicate, list, closure);
	n->function = (size_t)predicate;
	n->a = list;
	n->b = closure;
	return complete(p, n);
}

/* p stands on what follows the name. */
static struct nd_expr_node *parse_call(struct parser *p, const struct nd_expr_token *name,
				       struct nd_expr_node *piped)
{
	bool callers = listed(p->functions, name), known;
	int predicate = callers ? -1 : nd_expr_funcs_predicate(name->text, name->len);
	struct chain args = { 0 };

	if (predicate >= 0)
		return parse_predicate(p, name, predicate, piped);
	append(&args, piped);
	expect_bracket(p, "(");
	if (p->err)
		return NULL;
	parse_elements(p, &args, ")");
	if (p->err)
		return NULL;
	if (callers)
		return call_callers(p, name, &args);
	int function = nd_expr_funcs_find(name->text, name->len, &known);
	if (function >= 0)
		return call_builtin(p, name, (size_t)function, &args);
	if (known)
		return fail_at(p, name, "function %.*s is not supported", shown(name), name->text);
	if (listed(p->variables, name))
		return fail_at(p, name, "%.*s is not callable", shown(name), name->text);
	return fail_at(p, name, "unknown name %.*s", shown(name), name->text);
}

static struct nd_expr_node *parse_name(struct parser *p)
{
	struct nd_expr_token name = p->at;
	struct nd_expr_node *n;

	step(p);
	if (token_is(&name, ND_EXPR_IDENT, "true") || token_is(&name, ND_EXPR_IDENT, "false"))
		return new_constant(p, ND_EXPR_T_BOOL, nd_value_bool(*name.text == 't'));
	if (token_is(&name, ND_EXPR_IDENT, "nil"))
		return new_constant(p, ND_EXPR_T_NIL, (struct nd_value){ .kind = ND_VALUE_NIL });
	if (at_bracket(p, "("))
		return parse_call(p, &name, NULL);
	if (listed(p->variables, &name)) {
		n = new_node(p, ND_EXPR_VARIABLE, ND_EXPR_ANY);
		if (n)
			n->name = copy_token(p, &name);
		return n;
	}
	if (listed(p->functions, &name))
		return fail_at(p, &name, "%.*s is a function: call it with ()", shown(&name), name.text);
	return fail_at(p, &name, "unknown name %.*s", shown(&name), name.text);
}

static struct nd_expr_node *parse_number(struct parser *p)
{
	char s[400], *end;
	size_t n = 0;
	int base = 10;
	const char *digits = s;

	for (size_t i = 0; i < p->at.len && n + 1 < sizeof s; i++)
		if (p->at.text[i] != '_')
			s[n++] = p->at.text[i];
	s[n] = '\0';
	if (s[0] == '0' && s[1] && strchr("xXbBoO", s[1])) {
		base = strchr("xX", s[1]) ? 16 : strchr("bB", s[1]) ? 2 : 8;
		digits = s + 2;
	}
	bool is_float = base != 16 && strpbrk(s, ".eE");
	errno = 0;
	struct nd_value v = is_float ? nd_value_float(strtod(s, &end))
				     : nd_value_int(strtoll(digits, &end, base));
	if (end == digits || *end || (is_float ? !isfinite(v.f) : errno != 0))
		return fail(p, "invalid %s literal: %.40s", is_float ? "float" : "integer", s);
	step(p);
	return new_constant(p, is_float ? ND_EXPR_T_FLOAT : ND_EXPR_T_INT, v);
}

static struct nd_expr_node *parse_string(struct parser *p)
{
	const struct nd_expr_token *t = &p->at;
	bool raw = t->kind == ND_EXPR_RAW, ok = true;
	struct nd_buf text;

	nd_buf_init(&text, t->len + 8);
	if (raw) {
		for (size_t i = 1; i + 1 < t->len; i++) {
			nd_buf_add(&text, t->text + i, 1);
			i += t->text[i] == '`'; /* `` */
		}
	} else {
		ok = nd_quote_read(&text, t->text + 1, t->len - 2, *t->text, true);
	}
	const char *copy = nd_arena_text(&p->e->arena, nd_buf_string(&text), text.len);
	size_t len = text.len;
	nd_buf_clear(&text);
	if (!ok)
		return fail(p, "unable to unescape string");
	if (!copy)
		return fail_memory(p);
	step(p);
	return new_constant(p, ND_EXPR_T_STRING, nd_value_string(copy, len));
}

static struct nd_expr_node *parse_list(struct parser *p)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_LIST, ND_EXPR_T_LIST);
	struct chain elements = { 0 };

	step(p);
	parse_elements(p, &elements, "]");
	if (!n)
		return NULL;
	n->args = elements.first;
	n->nargs = elements.n;
	return complete(p, n);
}

/* A word, a number or a string stands for itself; anything else goes in parentheses. */
static struct nd_expr_node *parse_key(struct parser *p)
{
	struct nd_expr_node *n = NULL;
	const char *copy;

	switch (p->at.kind) {
	case ND_EXPR_STRING:
	case ND_EXPR_RAW: return parse_string(p);
	case ND_EXPR_IDENT:
	case ND_EXPR_NUMBER:
		copy = copy_token(p, &p->at);
		if (copy)
			n = new_constant(p, ND_EXPR_T_STRING, nd_value_string(copy, p->at.len));
		step(p);
		return n;
	default: break;
	}
	if (at_bracket(p, "("))
		return parse_expression(p, 0);
	return fail(p, "a map key must be a quoted string, a number, a identifier, or an expression "
		       "enclosed in parentheses");
}

static struct nd_expr_node *parse_map(struct parser *p)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_MAP, ND_EXPR_T_MAP);
	struct chain pairs = { 0 };

	step(p);
	for (bool more = false; !p->err && !at_bracket(p, "}"); more = true) {
		if (more)
			expect_operator(p, ",");
		if (more && at_bracket(p, "}"))
			break;
		append(&pairs, parse_key(p));
		expect_operator(p, ":");
		append(&pairs, p->err ? NULL : parse_expression(p, 0));
	}
	expect_bracket(p, "}");
	if (!n)
		return NULL;
	n->args = pairs.first;
	n->nargs = pairs.n;
	return complete(p, n);
}

/* "#", "#index"; or a '.' for a field of the element, which the postfix then takes. */
static struct nd_expr_node *parse_element(struct parser *p)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_ELEMENT, ND_EXPR_ANY);

	if (!take_operator(p, "#") || p->at.kind != ND_EXPR_IDENT || !n)
		return n;
	if (!token_is(&p->at, ND_EXPR_IDENT, "index"))
		return fail(p, "unknown pointer #%.*s", shown(&p->at), p->at.text);
	n->kind = ND_EXPR_ELEMENT_INDEX;
	n->type = ND_EXPR_T_INT;
	step(p);
	return n;
}

static struct nd_expr_node *new_member(struct parser *p, struct nd_expr_node *of,
				       struct nd_expr_node *key, bool optional)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_MEMBER, ND_EXPR_ANY);
	bool scalar = of && of->type != ND_EXPR_ANY && of->type != ND_EXPR_T_LIST &&
		      of->type != ND_EXPR_T_MAP; /* known to be a string it has no index either */

	if (!n || !of || !key)
		return NULL;
	if (scalar)
		return fail(p, "type %s has no fields", nd_expr_ops_type(of->type));
	n->a = of;
	n->b = key;
	n->optional = optional;
	return complete(p, n);
}

static struct nd_expr_node *new_chain(struct parser *p, struct nd_expr_node *of)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_CHAIN, ND_EXPR_ANY);

	if (!n || !of)
		return NULL;
	n->a = of;
	return complete(p, n);
}

/* Behind '.' or '?.'. What ?. leaves out goes on to the end of a.b.c: one chain around it all. */
static struct nd_expr_node *parse_field(struct parser *p, struct nd_expr_node *of, bool optional)
{
	bool word = p->at.kind == ND_EXPR_IDENT ||
		    (p->at.kind == ND_EXPR_OPERATOR && *p->at.text >= 'a' && *p->at.text <= 'z');
	bool chain = of->kind == ND_EXPR_CHAIN;

	if (!word)
		return fail(p, "expected name");
	const char *name = copy_token(p, &p->at);
	if (!name)
		return NULL;
	struct nd_expr_node *key = new_constant(p, ND_EXPR_T_STRING, nd_value_string(name, p->at.len));
	step(p);
	if (at_bracket(p, "("))
		return fail(p, "methods are not supported");
	struct nd_expr_node *n = new_member(p, chain ? of->a : of, key, optional);
	return chain || optional ? new_chain(p, n) : n;
}

/* Behind '['. */
static struct nd_expr_node *parse_index(struct parser *p, struct nd_expr_node *of, bool optional)
{
	struct nd_expr_node *from = at_operator(p, ":") ? NULL : parse_expression(p, 0), *to = NULL;

	if (p->err)
		return NULL;
	if (!take_operator(p, ":")) {
		expect_bracket(p, "]");
		struct nd_expr_node *n = new_member(p, of, from, optional);
		return optional ? new_chain(p, n) : n;
	}
	if (!at_bracket(p, "]"))
		to = parse_expression(p, 0);
	expect_bracket(p, "]");
	struct nd_expr_node *n = new_node(p, ND_EXPR_SLICE, of->type);
	if (!n)
		return NULL;
	if (of->type != ND_EXPR_ANY && of->type != ND_EXPR_T_STRING && of->type != ND_EXPR_T_LIST)
		return fail(p, "cannot slice %s", nd_expr_ops_type(of->type));
	n->a = of;
	n->b = from;
	n->c = to;
	return complete(p, n);
}

static struct nd_expr_node *parse_postfix(struct parser *p, struct nd_expr_node *n)
{
	while (n && !p->err) {
		bool optional = take_operator(p, "?.");
		if (take_bracket(p, "["))
			n = parse_index(p, n, optional);
		else if (optional || take_operator(p, "."))
			n = parse_field(p, n, optional);
		else
			break;
	}
	return p->err ? NULL : n;
}

static struct nd_expr_node *parse_unary(struct parser *p, enum nd_expr_op op, int precedence)
{
	struct nd_expr_token sign = p->at;

	step(p);
	struct nd_expr_node *of = parse_expression(p, precedence);
	struct nd_expr_node *n = new_node(p, ND_EXPR_UNARY, ND_EXPR_ANY);
	if (!n || !of)
		return NULL;
	int type = nd_expr_ops_check(op, of->type, of->type);
	if (type < 0)
		return fail_at(p, &sign, "invalid operation: %s (mismatched type %s)",
			       nd_expr_ops_name(op), nd_expr_ops_type(of->type));
	n->type = (enum nd_expr_type)type;
	n->op = op;
	n->a = of;
	return parse_postfix(p, complete(p, n));
}

static struct nd_expr_node *parse_parens(struct parser *p)
{
	step(p);
	struct nd_expr_node *n = parse_expression(p, 0);
	expect_bracket(p, ")");
	return n;
}

static struct nd_expr_node *parse_operand(struct parser *p)
{
	switch (p->at.kind) {
	case ND_EXPR_IDENT: return parse_name(p);
	case ND_EXPR_NUMBER: return parse_number(p);
	case ND_EXPR_STRING:
	case ND_EXPR_RAW: return parse_string(p);
	default: break;
	}
	if (at_bracket(p, "("))
		return parse_parens(p);
	if (at_bracket(p, "["))
		return parse_list(p);
	if (at_bracket(p, "{"))
		return parse_map(p);
	if (p->closures && (at_operator(p, "#") || at_operator(p, ".")))
		return parse_element(p);
	if (at_operator(p, "let") || at_operator(p, "if"))
		return fail(p, "%.*s is not supported", shown(&p->at), p->at.text);
	return fail_token(p);
}

/* The precedences are those of expr-lang. */
static struct nd_expr_node *parse_primary(struct parser *p)
{
	/* Nothing may follow these. */
	bool bare = p->at.kind == ND_EXPR_NUMBER || token_is(&p->at, ND_EXPR_IDENT, "true") ||
		    token_is(&p->at, ND_EXPR_IDENT, "false") || token_is(&p->at, ND_EXPR_IDENT, "nil");

	if (at_operator(p, "not") || at_operator(p, "!"))
		return parse_unary(p, ND_EXPR_NOT, 50);
	if (at_operator(p, "-"))
		return parse_unary(p, ND_EXPR_NEGATE, 90);
	if (at_operator(p, "+"))
		return parse_unary(p, ND_EXPR_PLUS, 90);
	struct nd_expr_node *n = parse_operand(p);
	return bare ? n : parse_postfix(p, n);
}

static const struct binary {
	const char *text;
	int precedence;
	enum nd_expr_op op;
} binaries[] = {
	{ "or", 10, ND_EXPR_OR },        { "||", 10, ND_EXPR_OR },     { "and", 15, ND_EXPR_AND },
	{ "&&", 15, ND_EXPR_AND },       { "==", 20, ND_EXPR_EQ },     { "!=", 20, ND_EXPR_NE },
	{ "<", 20, ND_EXPR_LT },         { ">", 20, ND_EXPR_GT },      { ">=", 20, ND_EXPR_GE },
	{ "<=", 20, ND_EXPR_LE },        { "in", 20, ND_EXPR_IN },     { "matches", 20, ND_EXPR_MATCHES },
	{ "contains", 20, ND_EXPR_CONTAINS }, { "startsWith", 20, ND_EXPR_STARTS },
	{ "endsWith", 20, ND_EXPR_ENDS }, { "..", 25, ND_EXPR_RANGE }, { "+", 30, ND_EXPR_ADD },
	{ "-", 30, ND_EXPR_SUB },        { "*", 60, ND_EXPR_MUL },     { "/", 60, ND_EXPR_DIV },
	{ "%", 60, ND_EXPR_MOD },        { "**", 100, ND_EXPR_POW },   { "^", 100, ND_EXPR_POW },
	{ "??", 500, ND_EXPR_COALESCE },
};

static const struct binary *find_binary(const struct nd_expr_token *t)
{
	for (size_t i = 0; i < ND_COUNT(binaries); i++)
		if (token_is(t, ND_EXPR_OPERATOR, binaries[i].text))
			return &binaries[i];
	return NULL;
}

/* The operator at p; with `negate` the one behind "not": "not in" and such. NULL: none that binds as
 * strong as `precedence`. */
static const struct binary *peek_binary(struct parser *p, int precedence, bool *negate)
{
	struct nd_expr_lexer ahead = p->lexer;
	struct nd_expr_token t = p->at;
	const struct binary *b;

	*negate = at_operator(p, "not");
	if (*negate)
		t = nd_expr_lex(&ahead);
	b = find_binary(&t);
	if (*negate && !(b && (b->op == ND_EXPR_IN || b->op == ND_EXPR_MATCHES ||
			       b->op == ND_EXPR_CONTAINS || b->op == ND_EXPR_STARTS ||
			       b->op == ND_EXPR_ENDS)))
		return fail_token(p);
	return b && b->precedence >= precedence ? b : NULL;
}

/* A pattern that is a constant is compiled once, and refused now when it is wrong. */
static void compile_pattern(struct parser *p, struct nd_expr_node *n, const struct nd_expr_token *sign)
{
	char why[200];
	int ret;

	if (n->op != ND_EXPR_MATCHES || n->b->kind != ND_EXPR_CONSTANT ||
	    n->b->constant.kind != ND_VALUE_STRING)
		return;
	ret = nd_regex_new(n->b->constant.s.text, &n->regex, why, sizeof why);
	if (ret < 0) {
		fail_at(p, sign, "%s", ret == ND_EFORMAT ? why : "no memory for the pattern");
		return;
	}
	n->next_regex = p->e->regexes;
	p->e->regexes = n;
}

static struct nd_expr_node *new_binary(struct parser *p, enum nd_expr_op op,
				       const struct nd_expr_token *sign, struct nd_expr_node *x,
				       struct nd_expr_node *y)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_BINARY, ND_EXPR_ANY);

	if (!n || !x || !y)
		return NULL;
	int type = nd_expr_ops_check(op, x->type, y->type);
	if (type < 0)
		return fail_at(p, sign, "invalid operation: %s (mismatched types %s and %s)",
			       nd_expr_ops_name(op), nd_expr_ops_type(x->type),
			       nd_expr_ops_type(y->type));
	n->type = (enum nd_expr_type)type;
	n->op = op;
	n->a = x;
	n->b = y;
	compile_pattern(p, n, sign);
	return complete(p, n);
}

static struct nd_expr_node *new_not(struct parser *p, struct nd_expr_node *of)
{
	struct nd_expr_node *n = new_node(p, ND_EXPR_UNARY, ND_EXPR_T_BOOL);

	if (!n || !of)
		return NULL;
	n->op = ND_EXPR_NOT;
	n->a = of;
	return complete(p, n);
}

static bool compares(enum nd_expr_op op)
{
	return op == ND_EXPR_LT || op == ND_EXPR_GT || op == ND_EXPR_GE || op == ND_EXPR_LE;
}

/* a < b < c means a < b and b < c. b is evaluated twice, as in expr-lang. */
static struct nd_expr_node *parse_comparison(struct parser *p, struct nd_expr_node *x,
					     const struct binary *b)
{
	struct nd_expr_node *all = NULL;

	for (; b && compares(b->op) && !p->err; b = find_binary(&p->at)) {
		struct nd_expr_token sign = p->at;
		step(p);
		struct nd_expr_node *y = parse_expression(p, b->precedence + 1);
		struct nd_expr_node *one = new_binary(p, b->op, &sign, x, y);
		all = all ? new_binary(p, ND_EXPR_AND, &sign, all, one) : one;
		x = y;
	}
	return all;
}

static struct nd_expr_node *parse_piped(struct parser *p, struct nd_expr_node *left)
{
	struct nd_expr_token name;

	step(p);
	name = p->at;
	if (name.kind != ND_EXPR_IDENT)
		return fail_token(p);
	step(p);
	return parse_call(p, &name, left); /* no [i] or .a may follow, as in expr-lang */
}

static struct nd_expr_node *parse_operators(struct parser *p, struct nd_expr_node *left, int precedence)
{
	const struct binary *b;
	bool negate, coalesced = false;

	while (left && !p->err) {
		if (precedence == 0 && at_operator(p, "|")) {
			left = parse_piped(p, left);
			coalesced = false;
			continue;
		}
		b = peek_binary(p, precedence, &negate);
		if (!b)
			break;
		if (coalesced && b->op != ND_EXPR_COALESCE)
			return fail(p, "Operator (%s) and coalesce expressions (?" "?) cannot be mixed. Wrap "
				       "either by parentheses.", b->text);
		coalesced = b->op == ND_EXPR_COALESCE;
		if (compares(b->op)) {
			left = parse_comparison(p, left, b);
			continue;
		}
		if (negate)
			step(p);
		struct nd_expr_token sign = p->at;
		step(p);
		left = new_binary(p, b->op, &sign, left,
				  parse_expression(p, b->precedence + (b->op != ND_EXPR_POW)));
		if (negate)
			left = new_not(p, left);
	}
	return p->err ? NULL : left;
}

/* a ? b : c, and a ?: c */
static struct nd_expr_node *parse_condition(struct parser *p, struct nd_expr_node *test)
{
	while (!p->err && at_operator(p, "?")) {
		struct nd_expr_node *n = new_node(p, ND_EXPR_CONDITION, ND_EXPR_ANY);
		struct nd_expr_token sign = p->at;
		step(p);
		if (!n)
			return NULL;
		n->a = test;
		n->b = at_operator(p, ":") ? test : parse_expression(p, 0);
		expect_operator(p, ":");
		n->c = p->err ? NULL : parse_expression(p, 0);
		if (p->err)
			return NULL;
		if (test->type != ND_EXPR_ANY && test->type != ND_EXPR_T_BOOL)
			return fail_at(p, &sign, "non-bool expression (type %s) used as condition",
				       nd_expr_ops_type(test->type));
		n->type = n->b->type == n->c->type ? n->b->type : ND_EXPR_ANY;
		test = complete(p, n);
	}
	return test;
}

static struct nd_expr_node *parse_expression(struct parser *p, int precedence)
{
	struct nd_expr_node *n;

	if (p->err)
		return NULL;
	if (++p->depth > DEPTH_MAX)
		return fail(p, "expression is nested too deeply");
	n = parse_operators(p, parse_primary(p), precedence);
	if (precedence == 0 && n)
		n = parse_condition(p, n);
	p->depth--;
	return p->err ? NULL : n;
}

int nd_expr_parse(struct nd_expr *e, const char *text, const char *const *variables,
		  const char *const *functions, char *why_buf, size_t why_cap)
{
	struct parser p = {
		.e = e, .variables = variables, .functions = functions,
		.lexer = { .p = text, .end = text + strlen(text), .line_start = text, .line = 1 },
		.why_buf = why_buf, .why_cap = why_cap,
	};

	step(&p);
	e->root = parse_expression(&p, 0);
	if (!p.err && at_operator(&p, ";"))
		fail(&p, "; is not supported");
	if (!p.err && p.at.kind != ND_EXPR_EOF)
		fail_token(&p);
	return p.err;
}
