/* SPDX-License-Identifier: Apache-2.0 */
#include "text/expr_cursor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"

enum {
	HEIGHT_MAX = 1000, /* a + a + a ... needs no recursion to parse, but to evaluate */
	NODES_MAX = 10000,
};

/* Keeps the first error. Returns NULL, for `return fail(...)`. */
void *nd_expr_cursor_fail(struct nd_expr_cursor *p, const struct nd_expr_token *t,
			  const char *format, ...)
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

void *nd_expr_cursor_fail_memory(struct nd_expr_cursor *p)
{
	nd_expr_cursor_fail(p, &p->at, "expression exceeds maximum allowed nodes");
	p->err = ND_ELIMIT;
	return NULL;
}

int nd_expr_cursor_shown(const struct nd_expr_token *t)
{
	return t->len < 60 ? (int)t->len : 60;
}

void *nd_expr_cursor_unexpected(struct nd_expr_cursor *p)
{
	if (p->at.kind == ND_EXPR_EOF)
		return nd_expr_cursor_fail(p, &p->at, "unexpected token EOF");
	if (p->at.kind == ND_EXPR_BAD)
		return nd_expr_cursor_fail(p, &p->at, "%.*s", nd_expr_cursor_shown(&p->at),
					   p->at.text);
	return nd_expr_cursor_fail(p, &p->at, "unexpected token \"%.*s\"",
				   nd_expr_cursor_shown(&p->at), p->at.text);
}

void nd_expr_cursor_step(struct nd_expr_cursor *p)
{
	p->at = nd_expr_lex(&p->lexer);
}

bool nd_expr_cursor_is(const struct nd_expr_token *t, enum nd_expr_token_kind kind,
		       const char *text)
{
	return t->kind == kind && t->len == strlen(text) && memcmp(t->text, text, t->len) == 0;
}

bool nd_expr_cursor_at_operator(const struct nd_expr_cursor *p, const char *text)
{
	return nd_expr_cursor_is(&p->at, ND_EXPR_OPERATOR, text);
}

bool nd_expr_cursor_at_bracket(const struct nd_expr_cursor *p, const char *text)
{
	return nd_expr_cursor_is(&p->at, ND_EXPR_BRACKET, text);
}

bool nd_expr_cursor_take_operator(struct nd_expr_cursor *p, const char *text)
{
	bool is = nd_expr_cursor_at_operator(p, text);
	if (is)
		nd_expr_cursor_step(p);
	return is;
}

bool nd_expr_cursor_take_bracket(struct nd_expr_cursor *p, const char *text)
{
	bool is = nd_expr_cursor_at_bracket(p, text);
	if (is)
		nd_expr_cursor_step(p);
	return is;
}

void nd_expr_cursor_expect_bracket(struct nd_expr_cursor *p, const char *text)
{
	if (!nd_expr_cursor_take_bracket(p, text))
		nd_expr_cursor_unexpected(p);
}

void nd_expr_cursor_expect_operator(struct nd_expr_cursor *p, const char *text)
{
	if (!nd_expr_cursor_take_operator(p, text))
		nd_expr_cursor_unexpected(p);
}

struct nd_expr_node *nd_expr_cursor_node(struct nd_expr_cursor *p, enum nd_expr_kind kind,
					 enum nd_expr_type type)
{
	struct nd_expr_node *n = p->nodes++ < NODES_MAX && !p->err
					 ? nd_arena_alloc(&p->e->arena, sizeof *n)
					 : NULL;
	if (!n)
		return p->err ? NULL : nd_expr_cursor_fail_memory(p);
	n->kind = kind;
	n->type = type;
	return n;
}

static void raise_over(struct nd_expr_node *n, const struct nd_expr_node *child)
{
	if (child && child->height >= n->height)
		n->height = child->height + 1;
}

struct nd_expr_node *nd_expr_cursor_complete(struct nd_expr_cursor *p, struct nd_expr_node *n)
{
	raise_over(n, n->a);
	raise_over(n, n->b);
	raise_over(n, n->c);
	for (const struct nd_expr_node *child = n->args; child; child = child->next)
		raise_over(n, child);
	if (n->height > HEIGHT_MAX)
		return nd_expr_cursor_fail(p, &p->at, "expression is nested too deeply");
	return p->err ? NULL : n;
}

struct nd_expr_node *nd_expr_cursor_constant(struct nd_expr_cursor *p, enum nd_expr_type type,
					     struct nd_value v)
{
	struct nd_expr_node *n = nd_expr_cursor_node(p, ND_EXPR_CONSTANT, type);

	if (n)
		n->constant = v;
	return n;
}

const char *nd_expr_cursor_copy(struct nd_expr_cursor *p, const struct nd_expr_token *t)
{
	const char *copy = nd_arena_text(&p->e->arena, t->text, t->len);
	return copy ? copy : nd_expr_cursor_fail_memory(p);
}
