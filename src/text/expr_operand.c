/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "text/expr_cursor.h"
#include "text/quote.h"

static bool is_name(const char *name, const struct nd_expr_token *t)
{
	return strlen(name) == t->len && memcmp(name, t->text, t->len) == 0;
}

static bool is_variable(const struct nd_expr_cursor *p, const struct nd_expr_token *t)
{
	for (const char *const *n = p->variables; n && *n; n++)
		if (is_name(*n, t))
			return true;
	return false;
}

/* The caller's function of this name, or NULL. */
static const struct nd_expr_function *find_function(const struct nd_expr_cursor *p,
						    const struct nd_expr_token *t)
{
	for (const struct nd_expr_function *const *table = p->functions; table && *table; table++)
		for (const struct nd_expr_function *f = *table; f->name; f++)
			if (is_name(f->name, t))
				return f;
	return NULL;
}

/* A list of nodes. */
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

/* After the opening bracket; takes the closing one. A trailing comma is allowed. */
static void parse_elements(struct nd_expr_cursor *p, struct chain *to, const char *close)
{
	for (bool more = false; !p->err && !nd_expr_cursor_at_bracket(p, close); more = true) {
		if (more)
			nd_expr_cursor_expect_operator(p, ",");
		if (more && nd_expr_cursor_at_bracket(p, close))
			break;
		append(to, nd_expr_parse_expression(p, 0));
	}
	nd_expr_cursor_expect_bracket(p, close);
}

/* Checks the number and the known types of the arguments. */
static bool fits(struct nd_expr_cursor *p, const struct nd_expr_token *name,
		 const struct nd_expr_function *f, const struct chain *args)
{
	size_t i = 0, want = strlen(f->args);

	if (args->n != want) {
		nd_expr_cursor_fail(p, name, "%s arguments to call %s",
				    args->n < want ? "not enough" : "too many", f->name);
		return false;
	}
	for (const struct nd_expr_node *a = args->first; a; a = a->next, i++) {
		if (f->args[i] == 'a' || a->type == ND_EXPR_ANY || a->type == ND_EXPR_T_STRING)
			continue;
		nd_expr_cursor_fail(p, name, "cannot use %s as argument %zu to call %s",
				    nd_expr_ops_type(a->type), i + 1, f->name);
		return false;
	}
	return true;
}

static enum nd_expr_type result_type(const struct nd_expr_function *f)
{
	static const enum nd_expr_type types[] = {
		[ND_VALUE_NIL] = ND_EXPR_ANY,         [ND_VALUE_BOOL] = ND_EXPR_T_BOOL,
		[ND_VALUE_INT] = ND_EXPR_T_INT,       [ND_VALUE_FLOAT] = ND_EXPR_T_FLOAT,
		[ND_VALUE_STRING] = ND_EXPR_T_STRING, [ND_VALUE_LIST] = ND_EXPR_T_LIST,
		[ND_VALUE_MAP] = ND_EXPR_T_MAP,       [ND_VALUE_ERROR] = ND_EXPR_ANY,
	};

	return types[f->result];
}

static struct nd_expr_node *call_callers(struct nd_expr_cursor *p, const struct nd_expr_token *name,
					 const struct nd_expr_function *f, struct chain *args)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_CALLERS, result_type(f));

	if (!n || !fits(p, name, f, args))
		return NULL;
	n->name = nd_expr_cursor_copy(p, name);
	n->args = args->first;
	n->nargs = args->n;
	return nd_expr_cursor_complete(p, n);
}

static struct nd_expr_node *call_builtin(struct nd_expr_cursor *p, const struct nd_expr_token *name,
					 size_t function, struct chain *args)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_BUILTIN, ND_EXPR_ANY);
	char buf[200];

	if (!n)
		return NULL;
	const char *why = nd_expr_funcs_check(function, args->first, args->n, &n->type, buf,
					      sizeof buf);
	if (why)
		return nd_expr_cursor_fail(p, name, "%s", why);
	n->function = function;
	n->args = args->first;
	n->nargs = args->n;
	return nd_expr_cursor_complete(p, n);
}

static struct nd_expr_node *parse_closure(struct nd_expr_cursor *p)
{
	bool brackets = nd_expr_cursor_take_bracket(p, "{");

	p->closures++;
	struct nd_expr_node *n = nd_expr_parse_expression(p, 0);
	p->closures--;
	if (brackets)
		nd_expr_cursor_expect_bracket(p, "}");
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

/* The closure must return a bool, except for map and sum. */
static void check_predicate(struct nd_expr_cursor *p, const struct nd_expr_token *name,
			    int predicate, const struct nd_expr_node *list,
			    const struct nd_expr_node *closure)
{
	bool any = predicate == ND_EXPR_MAP_OVER || predicate == ND_EXPR_SUM;

	if (list->type != ND_EXPR_ANY && list->type != ND_EXPR_T_LIST)
		nd_expr_cursor_fail(p, name, "builtin %.*s takes only array (got %s)",
				    nd_expr_cursor_shown(name), name->text,
				    nd_expr_ops_type(list->type));
	if (closure && !any && closure->type != ND_EXPR_ANY && closure->type != ND_EXPR_T_BOOL)
		nd_expr_cursor_fail(p, name, "predicate should return boolean (got %s)",
				    nd_expr_ops_type(closure->type));
}

/* piped: the list if it is left of a '|', or NULL. */
static struct nd_expr_node *parse_predicate(struct nd_expr_cursor *p,
					    const struct nd_expr_token *name, int predicate,
					    struct nd_expr_node *piped)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_PREDICATE,
						     predicate_type(predicate));
	struct nd_expr_node *list = piped, *closure = NULL;

	nd_expr_cursor_expect_bracket(p, "(");
	if (!list && !nd_expr_cursor_at_bracket(p, ")")) {
		list = nd_expr_parse_expression(p, 0);
		if (!p->err && !nd_expr_cursor_at_bracket(p, ")"))
			nd_expr_cursor_expect_operator(p, ",");
	}
	if (!p->err && !nd_expr_cursor_at_bracket(p, ")"))
		closure = parse_closure(p);
	nd_expr_cursor_take_operator(p, ",");
	if (!p->err && (!list || (!closure && !nd_expr_funcs_predicate_optional(predicate))))
		nd_expr_cursor_fail(p, &p->at, "not enough arguments to call %.*s",
				    nd_expr_cursor_shown(name), name->text);
	nd_expr_cursor_expect_bracket(p, ")");
	if (p->err || !n)
		return NULL;
	check_predicate(p, name, predicate, list, closure);
	n->function = (size_t)predicate;
	n->a = list;
	n->b = closure;
	return nd_expr_cursor_complete(p, n);
}

/* p is on the token after the name. */
struct nd_expr_node *nd_expr_operand_call(struct nd_expr_cursor *p,
					  const struct nd_expr_token *name,
					  struct nd_expr_node *piped)
{
	const struct nd_expr_function *callers = find_function(p, name);
	bool known;
	int predicate = callers ? -1 : nd_expr_funcs_predicate(name->text, name->len);
	struct chain args = { 0 };

	if (predicate >= 0)
		return parse_predicate(p, name, predicate, piped);
	append(&args, piped);
	nd_expr_cursor_expect_bracket(p, "(");
	if (p->err)
		return NULL;
	parse_elements(p, &args, ")");
	if (p->err)
		return NULL;
	if (callers)
		return call_callers(p, name, callers, &args);
	int function = nd_expr_funcs_find(name->text, name->len, &known);
	if (function >= 0)
		return call_builtin(p, name, (size_t)function, &args);
	if (known)
		return nd_expr_cursor_fail(p, name, "function %.*s is not supported",
					   nd_expr_cursor_shown(name), name->text);
	if (is_variable(p, name))
		return nd_expr_cursor_fail(p, name, "%.*s is not callable",
					   nd_expr_cursor_shown(name), name->text);
	return nd_expr_cursor_fail(p, name, "unknown name %.*s", nd_expr_cursor_shown(name),
				   name->text);
}

static struct nd_expr_node *parse_name(struct nd_expr_cursor *p)
{
	struct nd_expr_token name = p->at;
	struct nd_expr_node *n;

	nd_expr_cursor_step(p);
	if (nd_expr_cursor_is(&name, ND_EXPR_IDENT, "true") ||
	    nd_expr_cursor_is(&name, ND_EXPR_IDENT, "false"))
		return nd_expr_cursor_constant(p, ND_EXPR_T_BOOL, nd_value_bool(*name.text == 't'));
	if (nd_expr_cursor_is(&name, ND_EXPR_IDENT, "nil"))
		return nd_expr_cursor_constant(p, ND_EXPR_T_NIL,
					       (struct nd_value){ .kind = ND_VALUE_NIL });
	if (nd_expr_cursor_at_bracket(p, "("))
		return nd_expr_operand_call(p, &name, NULL);
	if (is_variable(p, &name)) {
		n = nd_expr_cursor_node(p, ND_EXPR_VARIABLE, ND_EXPR_ANY);
		if (n)
			n->name = nd_expr_cursor_copy(p, &name);
		return n;
	}
	if (find_function(p, &name))
		return nd_expr_cursor_fail(p, &name, "%.*s is a function: call it with ()",
					   nd_expr_cursor_shown(&name), name.text);
	return nd_expr_cursor_fail(p, &name, "unknown name %.*s", nd_expr_cursor_shown(&name),
				   name.text);
}

static struct nd_expr_node *parse_number(struct nd_expr_cursor *p)
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
		return nd_expr_cursor_fail(p, &p->at, "invalid %s literal: %.40s",
					   is_float ? "float" : "integer", s);
	nd_expr_cursor_step(p);
	return nd_expr_cursor_constant(p, is_float ? ND_EXPR_T_FLOAT : ND_EXPR_T_INT, v);
}

static struct nd_expr_node *parse_string(struct nd_expr_cursor *p)
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
		return nd_expr_cursor_fail(p, &p->at, "unable to unescape string");
	if (!copy)
		return nd_expr_cursor_fail_memory(p);
	nd_expr_cursor_step(p);
	return nd_expr_cursor_constant(p, ND_EXPR_T_STRING, nd_value_string(copy, len));
}

static struct nd_expr_node *parse_list(struct nd_expr_cursor *p)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_LIST, ND_EXPR_T_LIST);
	struct chain elements = { 0 };

	nd_expr_cursor_step(p);
	parse_elements(p, &elements, "]");
	if (!n)
		return NULL;
	n->args = elements.first;
	n->nargs = elements.n;
	return nd_expr_cursor_complete(p, n);
}

/* A map key: a word, a number or a string; any other expression must be in parentheses. */
static struct nd_expr_node *parse_key(struct nd_expr_cursor *p)
{
	struct nd_expr_node *n = NULL;
	const char *copy;

	switch (p->at.kind) {
	case ND_EXPR_STRING:
	case ND_EXPR_RAW: return parse_string(p);
	case ND_EXPR_IDENT:
	case ND_EXPR_NUMBER:
		copy = nd_expr_cursor_copy(p, &p->at);
		if (copy)
			n = nd_expr_cursor_constant(p, ND_EXPR_T_STRING,
						    nd_value_string(copy, p->at.len));
		nd_expr_cursor_step(p);
		return n;
	default: break;
	}
	if (nd_expr_cursor_at_bracket(p, "("))
		return nd_expr_parse_expression(p, 0);
	return nd_expr_cursor_fail(
		p, &p->at,
		"a map key must be a quoted string, a number, a identifier, or an expression "
		"enclosed in parentheses");
}

static struct nd_expr_node *parse_map(struct nd_expr_cursor *p)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_MAP, ND_EXPR_T_MAP);
	struct chain pairs = { 0 };

	nd_expr_cursor_step(p);
	for (bool more = false; !p->err && !nd_expr_cursor_at_bracket(p, "}"); more = true) {
		if (more)
			nd_expr_cursor_expect_operator(p, ",");
		if (more && nd_expr_cursor_at_bracket(p, "}"))
			break;
		append(&pairs, parse_key(p));
		nd_expr_cursor_expect_operator(p, ":");
		append(&pairs, p->err ? NULL : nd_expr_parse_expression(p, 0));
	}
	nd_expr_cursor_expect_bracket(p, "}");
	if (!n)
		return NULL;
	n->args = pairs.first;
	n->nargs = pairs.n;
	return nd_expr_cursor_complete(p, n);
}

/* "#" or "#index". A '.' means a field of the element; the postfix parser takes it. */
static struct nd_expr_node *parse_element(struct nd_expr_cursor *p)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_ELEMENT, ND_EXPR_ANY);

	if (!nd_expr_cursor_take_operator(p, "#") || p->at.kind != ND_EXPR_IDENT || !n)
		return n;
	if (!nd_expr_cursor_is(&p->at, ND_EXPR_IDENT, "index"))
		return nd_expr_cursor_fail(p, &p->at, "unknown pointer #%.*s",
					   nd_expr_cursor_shown(&p->at), p->at.text);
	n->kind = ND_EXPR_ELEMENT_INDEX;
	n->type = ND_EXPR_T_INT;
	nd_expr_cursor_step(p);
	return n;
}

static struct nd_expr_node *new_member(struct nd_expr_cursor *p, struct nd_expr_node *of,
				       struct nd_expr_node *key, bool optional)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_MEMBER, ND_EXPR_ANY);
	bool scalar = of && of->type != ND_EXPR_ANY && of->type != ND_EXPR_T_LIST &&
		      of->type != ND_EXPR_T_MAP; /* a known string cannot be indexed either */

	if (!n || !of || !key)
		return NULL;
	if (scalar)
		return nd_expr_cursor_fail(p, &p->at, "type %s has no fields",
					   nd_expr_ops_type(of->type));
	n->a = of;
	n->b = key;
	n->optional = optional;
	return nd_expr_cursor_complete(p, n);
}

static struct nd_expr_node *new_chain(struct nd_expr_cursor *p, struct nd_expr_node *of)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_CHAIN, ND_EXPR_ANY);

	if (!n || !of)
		return NULL;
	n->a = of;
	return nd_expr_cursor_complete(p, n);
}

/* After '.' or '?.'. A ?. that meets nil skips the rest of a.b.c, so one CHAIN encloses it
 * all. */
static struct nd_expr_node *parse_field(struct nd_expr_cursor *p, struct nd_expr_node *of,
					bool optional)
{
	bool word = p->at.kind == ND_EXPR_IDENT ||
		    (p->at.kind == ND_EXPR_OPERATOR && *p->at.text >= 'a' && *p->at.text <= 'z');
	bool chain = of->kind == ND_EXPR_CHAIN;

	if (!word)
		return nd_expr_cursor_fail(p, &p->at, "expected name");
	const char *name = nd_expr_cursor_copy(p, &p->at);
	if (!name)
		return NULL;
	struct nd_expr_node *key = nd_expr_cursor_constant(p, ND_EXPR_T_STRING,
							   nd_value_string(name, p->at.len));
	nd_expr_cursor_step(p);
	if (nd_expr_cursor_at_bracket(p, "("))
		return nd_expr_cursor_fail(p, &p->at, "methods are not supported");
	struct nd_expr_node *n = new_member(p, chain ? of->a : of, key, optional);
	return chain || optional ? new_chain(p, n) : n;
}

/* After '['. */
static struct nd_expr_node *parse_index(struct nd_expr_cursor *p, struct nd_expr_node *of,
					bool optional)
{
	struct nd_expr_node *from = nd_expr_cursor_at_operator(p, ":")
					    ? NULL
					    : nd_expr_parse_expression(p, 0),
			    *to = NULL;

	if (p->err)
		return NULL;
	if (!nd_expr_cursor_take_operator(p, ":")) {
		nd_expr_cursor_expect_bracket(p, "]");
		struct nd_expr_node *n = new_member(p, of, from, optional);
		return optional ? new_chain(p, n) : n;
	}
	if (!nd_expr_cursor_at_bracket(p, "]"))
		to = nd_expr_parse_expression(p, 0);
	nd_expr_cursor_expect_bracket(p, "]");
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_SLICE, of->type);
	if (!n)
		return NULL;
	if (of->type != ND_EXPR_ANY && of->type != ND_EXPR_T_STRING && of->type != ND_EXPR_T_LIST)
		return nd_expr_cursor_fail(p, &p->at, "cannot slice %s",
					   nd_expr_ops_type(of->type));
	n->a = of;
	n->b = from;
	n->c = to;
	return nd_expr_cursor_complete(p, n);
}

struct nd_expr_node *nd_expr_operand_postfix(struct nd_expr_cursor *p, struct nd_expr_node *n)
{
	while (n && !p->err) {
		bool optional = nd_expr_cursor_take_operator(p, "?.");
		if (nd_expr_cursor_take_bracket(p, "["))
			n = parse_index(p, n, optional);
		else if (optional || nd_expr_cursor_take_operator(p, "."))
			n = parse_field(p, n, optional);
		else
			break;
	}
	return p->err ? NULL : n;
}

static struct nd_expr_node *parse_parens(struct nd_expr_cursor *p)
{
	nd_expr_cursor_step(p);
	struct nd_expr_node *n = nd_expr_parse_expression(p, 0);
	nd_expr_cursor_expect_bracket(p, ")");
	return n;
}

struct nd_expr_node *nd_expr_operand_read(struct nd_expr_cursor *p)
{
	switch (p->at.kind) {
	case ND_EXPR_IDENT: return parse_name(p);
	case ND_EXPR_NUMBER: return parse_number(p);
	case ND_EXPR_STRING:
	case ND_EXPR_RAW: return parse_string(p);
	default: break;
	}
	if (nd_expr_cursor_at_bracket(p, "("))
		return parse_parens(p);
	if (nd_expr_cursor_at_bracket(p, "["))
		return parse_list(p);
	if (nd_expr_cursor_at_bracket(p, "{"))
		return parse_map(p);
	if (p->closures &&
	    (nd_expr_cursor_at_operator(p, "#") || nd_expr_cursor_at_operator(p, ".")))
		return parse_element(p);
	if (nd_expr_cursor_at_operator(p, "let") || nd_expr_cursor_at_operator(p, "if"))
		return nd_expr_cursor_fail(p, &p->at, "%.*s is not supported",
					   nd_expr_cursor_shown(&p->at), p->at.text);
	return nd_expr_cursor_unexpected(p);
}
