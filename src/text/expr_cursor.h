/* SPDX-License-Identifier: Apache-2.0 */
/* expr_cursor.h - the state of the expression parser: current token, first error, new nodes.
 *
 * Only for expr_parse.c (operators) and expr_operand.c (operands); also declares their calls of
 * each other.
 * Owns:    nothing; nodes are in the arena of struct nd_expr.
 * Errors:  sticky. The first one sets err and why_buf; functions that return a node or a text
 *          then return NULL.
 * Threads: one at a time.
 */
#pragma once

#include "text/expr_tree.h"

struct nd_expr_cursor {
	struct nd_expr *e;
	const char *const *variables;
	const struct nd_expr_function *const *functions;
	struct nd_expr_lexer lexer; /* after `at` */
	struct nd_expr_token at;
	unsigned depth, closures; /* closures: enclosing { # } */
	unsigned nodes;
	int err;
	char *why_buf;
	size_t why_cap;
};

/* These return NULL. */
void *nd_expr_cursor_fail(struct nd_expr_cursor *p, const struct nd_expr_token *t,
			  const char *format, ...) __attribute__((format(printf, 3, 4)));
void *nd_expr_cursor_fail_memory(struct nd_expr_cursor *p);
void *nd_expr_cursor_unexpected(struct nd_expr_cursor *p);
/* The bytes of the token that a message shows. */
int nd_expr_cursor_shown(const struct nd_expr_token *t);

void nd_expr_cursor_step(struct nd_expr_cursor *p);
bool nd_expr_cursor_is(const struct nd_expr_token *t, enum nd_expr_token_kind kind,
		       const char *text);
bool nd_expr_cursor_at_operator(const struct nd_expr_cursor *p, const char *text);
bool nd_expr_cursor_at_bracket(const struct nd_expr_cursor *p, const char *text);
/* Steps over the token if it matches. */
bool nd_expr_cursor_take_operator(struct nd_expr_cursor *p, const char *text);
bool nd_expr_cursor_take_bracket(struct nd_expr_cursor *p, const char *text);
/* Steps over the token, or fails. */
void nd_expr_cursor_expect_operator(struct nd_expr_cursor *p, const char *text);
void nd_expr_cursor_expect_bracket(struct nd_expr_cursor *p, const char *text);

struct nd_expr_node *nd_expr_cursor_node(struct nd_expr_cursor *p, enum nd_expr_kind kind,
					 enum nd_expr_type type);
struct nd_expr_node *nd_expr_cursor_constant(struct nd_expr_cursor *p, enum nd_expr_type type,
					     struct nd_value v);
/* Call when all children of n are set. NULL if the tree is too high. */
struct nd_expr_node *nd_expr_cursor_complete(struct nd_expr_cursor *p, struct nd_expr_node *n);
const char *nd_expr_cursor_copy(struct nd_expr_cursor *p, const struct nd_expr_token *t);

/* In expr_parse.c: parses up to an operator of lower precedence. */
struct nd_expr_node *nd_expr_parse_expression(struct nd_expr_cursor *p, int precedence);
/* In expr_operand.c: parses a literal, name, call, list, map or parenthesized expression; the
 * postfixes .a [i] [i:j]; and the call of a name already read, with its piped first argument or
 * NULL. */
struct nd_expr_node *nd_expr_operand_read(struct nd_expr_cursor *p);
struct nd_expr_node *nd_expr_operand_postfix(struct nd_expr_cursor *p, struct nd_expr_node *n);
struct nd_expr_node *nd_expr_operand_call(struct nd_expr_cursor *p,
					  const struct nd_expr_token *name,
					  struct nd_expr_node *piped);
