/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/err.h"
#include "text/expr_cursor.h"

enum { DEPTH_MAX = 200 };

static struct nd_expr_node *parse_unary(struct nd_expr_cursor *p, enum nd_expr_op op,
					int precedence)
{
	struct nd_expr_token sign = p->at;

	nd_expr_cursor_step(p);
	struct nd_expr_node *of = nd_expr_parse_expression(p, precedence);
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_UNARY, ND_EXPR_ANY);
	if (!n || !of)
		return NULL;
	int type = nd_expr_ops_check(op, of->type, of->type);
	if (type < 0)
		return nd_expr_cursor_fail(p, &sign, "invalid operation: %s (mismatched type %s)",
					   nd_expr_ops_name(op), nd_expr_ops_type(of->type));
	n->type = (enum nd_expr_type)type;
	n->op = op;
	n->a = of;
	return nd_expr_operand_postfix(p, nd_expr_cursor_complete(p, n));
}

/* The precedences are expr-lang's. */
static struct nd_expr_node *parse_primary(struct nd_expr_cursor *p)
{
	/* No postfix may follow these. */
	bool bare = p->at.kind == ND_EXPR_NUMBER ||
		    nd_expr_cursor_is(&p->at, ND_EXPR_IDENT, "true") ||
		    nd_expr_cursor_is(&p->at, ND_EXPR_IDENT, "false") ||
		    nd_expr_cursor_is(&p->at, ND_EXPR_IDENT, "nil");

	if (nd_expr_cursor_at_operator(p, "not") || nd_expr_cursor_at_operator(p, "!"))
		return parse_unary(p, ND_EXPR_NOT, 50);
	if (nd_expr_cursor_at_operator(p, "-"))
		return parse_unary(p, ND_EXPR_NEGATE, 90);
	if (nd_expr_cursor_at_operator(p, "+"))
		return parse_unary(p, ND_EXPR_PLUS, 90);
	struct nd_expr_node *n = nd_expr_operand_read(p);
	return bare ? n : nd_expr_operand_postfix(p, n);
}

static const struct binary {
	const char *text;
	int precedence;
	enum nd_expr_op op;
} binaries[] = {
	{ "or", 10, ND_EXPR_OR },
	{ "||", 10, ND_EXPR_OR },
	{ "and", 15, ND_EXPR_AND },
	{ "&&", 15, ND_EXPR_AND },
	{ "==", 20, ND_EXPR_EQ },
	{ "!=", 20, ND_EXPR_NE },
	{ "<", 20, ND_EXPR_LT },
	{ ">", 20, ND_EXPR_GT },
	{ ">=", 20, ND_EXPR_GE },
	{ "<=", 20, ND_EXPR_LE },
	{ "in", 20, ND_EXPR_IN },
	{ "matches", 20, ND_EXPR_MATCHES },
	{ "contains", 20, ND_EXPR_CONTAINS },
	{ "startsWith", 20, ND_EXPR_STARTS },
	{ "endsWith", 20, ND_EXPR_ENDS },
	{ "..", 25, ND_EXPR_RANGE },
	{ "+", 30, ND_EXPR_ADD },
	{ "-", 30, ND_EXPR_SUB },
	{ "*", 60, ND_EXPR_MUL },
	{ "/", 60, ND_EXPR_DIV },
	{ "%", 60, ND_EXPR_MOD },
	{ "**", 100, ND_EXPR_POW },
	{ "^", 100, ND_EXPR_POW },
	{ "??", 500, ND_EXPR_COALESCE },
};

static const struct binary *find_binary(const struct nd_expr_token *t)
{
	for (size_t i = 0; i < ND_COUNT(binaries); i++)
		if (nd_expr_cursor_is(t, ND_EXPR_OPERATOR, binaries[i].text))
			return &binaries[i];
	return NULL;
}

/* The operator at p, or the one after "not" (as in "not in") with *negate set. NULL: none of at
 * least `precedence`. */
static const struct binary *peek_binary(struct nd_expr_cursor *p, int precedence, bool *negate)
{
	struct nd_expr_lexer ahead = p->lexer;
	struct nd_expr_token t = p->at;
	const struct binary *b;

	*negate = nd_expr_cursor_at_operator(p, "not");
	if (*negate)
		t = nd_expr_lex(&ahead);
	b = find_binary(&t);
	if (*negate &&
	    !(b && (b->op == ND_EXPR_IN || b->op == ND_EXPR_MATCHES || b->op == ND_EXPR_CONTAINS ||
		    b->op == ND_EXPR_STARTS || b->op == ND_EXPR_ENDS)))
		return nd_expr_cursor_unexpected(p);
	return b && b->precedence >= precedence ? b : NULL;
}

/* A constant pattern is compiled once, here; an invalid one is an error now. */
static void compile_pattern(struct nd_expr_cursor *p, struct nd_expr_node *n,
			    const struct nd_expr_token *sign)
{
	char why[200];
	int ret;

	if (n->op != ND_EXPR_MATCHES || n->b->kind != ND_EXPR_CONSTANT ||
	    n->b->constant.kind != ND_VALUE_STRING)
		return;
	ret = nd_regex_new(n->b->constant.s.text, &n->regex, why, sizeof why);
	if (ret < 0) {
		nd_expr_cursor_fail(p, sign, "%s",
				    ret == ND_EFORMAT ? why : "out of memory for the pattern");
		return;
	}
	n->next_regex = p->e->regexes;
	p->e->regexes = n;
}

static struct nd_expr_node *new_binary(struct nd_expr_cursor *p, enum nd_expr_op op,
				       const struct nd_expr_token *sign, struct nd_expr_node *x,
				       struct nd_expr_node *y)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_BINARY, ND_EXPR_ANY);

	if (!n || !x || !y)
		return NULL;
	int type = nd_expr_ops_check(op, x->type, y->type);
	if (type < 0)
		return nd_expr_cursor_fail(p, sign,
					   "invalid operation: %s (mismatched types %s and %s)",
					   nd_expr_ops_name(op), nd_expr_ops_type(x->type),
					   nd_expr_ops_type(y->type));
	n->type = (enum nd_expr_type)type;
	n->op = op;
	n->a = x;
	n->b = y;
	compile_pattern(p, n, sign);
	return nd_expr_cursor_complete(p, n);
}

static struct nd_expr_node *new_not(struct nd_expr_cursor *p, struct nd_expr_node *of)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_UNARY, ND_EXPR_T_BOOL);

	if (!n || !of)
		return NULL;
	n->op = ND_EXPR_NOT;
	n->a = of;
	return nd_expr_cursor_complete(p, n);
}

static bool compares(enum nd_expr_op op)
{
	return op == ND_EXPR_LT || op == ND_EXPR_GT || op == ND_EXPR_GE || op == ND_EXPR_LE;
}

/* a < b < c means a < b and b < c. b is evaluated twice, as in expr-lang. */
static struct nd_expr_node *parse_comparison(struct nd_expr_cursor *p, struct nd_expr_node *x,
					     const struct binary *b)
{
	struct nd_expr_node *all = NULL;

	for (; b && compares(b->op) && !p->err; b = find_binary(&p->at)) {
		struct nd_expr_token sign = p->at;
		nd_expr_cursor_step(p);
		struct nd_expr_node *y = nd_expr_parse_expression(p, b->precedence + 1);
		struct nd_expr_node *one = new_binary(p, b->op, &sign, x, y);
		all = all ? new_binary(p, ND_EXPR_AND, &sign, all, one) : one;
		x = y;
	}
	return all;
}

static struct nd_expr_node *parse_piped(struct nd_expr_cursor *p, struct nd_expr_node *left)
{
	struct nd_expr_token name;

	nd_expr_cursor_step(p);
	name = p->at;
	if (name.kind != ND_EXPR_IDENT)
		return nd_expr_cursor_unexpected(p);
	nd_expr_cursor_step(p);
	return nd_expr_operand_call(p, &name, left); /* no [i] or .a may follow, as in expr-lang */
}

static struct nd_expr_node *parse_operators(struct nd_expr_cursor *p, struct nd_expr_node *left,
					    int precedence)
{
	const struct binary *b;
	bool negate, coalesced = false;

	while (left && !p->err) {
		if (precedence == 0 && nd_expr_cursor_at_operator(p, "|")) {
			left = parse_piped(p, left);
			coalesced = false;
			continue;
		}
		b = peek_binary(p, precedence, &negate);
		if (!b)
			break;
		if (coalesced && b->op != ND_EXPR_COALESCE)
			return nd_expr_cursor_fail(p, &p->at,
						   "Operator (%s) and coalesce expressions "
						   "(?\?) cannot be mixed. Wrap "
						   "either by parentheses.",
						   b->text);
		coalesced = b->op == ND_EXPR_COALESCE;
		if (compares(b->op)) {
			left = parse_comparison(p, left, b);
			continue;
		}
		if (negate)
			nd_expr_cursor_step(p);
		struct nd_expr_token sign = p->at;
		nd_expr_cursor_step(p);
		left = new_binary(p, b->op, &sign, left,
				  nd_expr_parse_expression(p,
							   b->precedence + (b->op != ND_EXPR_POW)));
		if (negate)
			left = new_not(p, left);
	}
	return p->err ? NULL : left;
}

/* a ? b : c and a ?: c */
static struct nd_expr_node *parse_condition(struct nd_expr_cursor *p, struct nd_expr_node *test)
{
	while (!p->err && nd_expr_cursor_at_operator(p, "?")) {
		struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_CONDITION, ND_EXPR_ANY);
		struct nd_expr_token sign = p->at;
		nd_expr_cursor_step(p);
		if (!n)
			return NULL;
		n->a = test;
		n->b = nd_expr_cursor_at_operator(p, ":") ? test : nd_expr_parse_expression(p, 0);
		nd_expr_cursor_expect_operator(p, ":");
		n->c = p->err ? NULL : nd_expr_parse_expression(p, 0);
		if (p->err)
			return NULL;
		if (test->type != ND_EXPR_ANY && test->type != ND_EXPR_T_BOOL)
			return nd_expr_cursor_fail(p, &sign,
						   "non-bool expression (type %s) used as condition",
						   nd_expr_ops_type(test->type));
		n->type = n->b->type == n->c->type ? n->b->type : ND_EXPR_ANY;
		test = nd_expr_cursor_complete(p, n);
	}
	return test;
}

struct nd_expr_node *nd_expr_parse_expression(struct nd_expr_cursor *p, int precedence)
{
	struct nd_expr_node *n;

	if (p->err)
		return NULL;
	if (++p->depth > DEPTH_MAX)
		return nd_expr_cursor_fail(p, &p->at, "expression is nested too deeply");
	n = parse_operators(p, parse_primary(p), precedence);
	if (precedence == 0 && n)
		n = parse_condition(p, n);
	p->depth--;
	return p->err ? NULL : n;
}

int nd_expr_parse(struct nd_expr *e, const char *text, const char *const *variables,
		  const struct nd_expr_function *const *functions, char *why_buf, size_t why_cap)
{
	struct nd_expr_cursor p = {
		.e = e,
		.variables = variables,
		.functions = functions,
		.lexer = { .p = text, .end = text + strlen(text), .line_start = text, .line = 1 },
		.why_buf = why_buf,
		.why_cap = why_cap,
	};

	nd_expr_cursor_step(&p);
	e->root = nd_expr_parse_expression(&p, 0);
	if (!p.err && nd_expr_cursor_at_operator(&p, ";"))
		nd_expr_cursor_fail(&p, &p.at, "; is not supported");
	if (!p.err && p.at.kind != ND_EXPR_EOF)
		nd_expr_cursor_unexpected(&p);
	return p.err;
}
