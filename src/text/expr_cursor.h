/* SPDX-License-Identifier: Apache-2.0 */
/* expr_cursor.h - where the parser of expressions stands: the token, the first error, new nodes.
 *
 * For expr_parse.c (operators) and expr_operand.c (all that stands between them), and what these
 * two want of each other. Errors: the first one counts and is in why_buf already; functions that
 * give a node or a text give NULL then.
 */
#pragma once

#include "text/expr_tree.h"

struct nd_expr_cursor {
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

/* Always NULL. */
void *nd_expr_cursor_fail(struct nd_expr_cursor *p, const struct nd_expr_token *t,
			  const char *format, ...) __attribute__((format(printf, 3, 4)));
void *nd_expr_cursor_fail_memory(struct nd_expr_cursor *p);
void *nd_expr_cursor_unexpected(struct nd_expr_cursor *p);
/* How much of a token a message shows. */
int nd_expr_cursor_shown(const struct nd_expr_token *t);

void nd_expr_cursor_step(struct nd_expr_cursor *p);
bool nd_expr_cursor_is(const struct nd_expr_token *t, enum nd_expr_token_kind kind,
		       const char *text);
bool nd_expr_cursor_at_operator(const struct nd_expr_cursor *p, const char *text);
bool nd_expr_cursor_at_bracket(const struct nd_expr_cursor *p, const char *text);
/* Steps over it if it is there. */
bool nd_expr_cursor_take_operator(struct nd_expr_cursor *p, const char *text);
bool nd_expr_cursor_take_bracket(struct nd_expr_cursor *p, const char *text);
/* Fails if it is not there. */
void nd_expr_cursor_expect_operator(struct nd_expr_cursor *p, const char *text);
void nd_expr_cursor_expect_bracket(struct nd_expr_cursor *p, const char *text);

struct nd_expr_node *nd_expr_cursor_node(struct nd_expr_cursor *p, enum nd_expr_kind kind,
					 enum nd_expr_type type);
struct nd_expr_node *nd_expr_cursor_constant(struct nd_expr_cursor *p, enum nd_expr_type type,
					     struct nd_value v);
/* n has its children now: NULL when that makes it too high. */
struct nd_expr_node *nd_expr_cursor_complete(struct nd_expr_cursor *p, struct nd_expr_node *n);
const char *nd_expr_cursor_copy(struct nd_expr_cursor *p, const struct nd_expr_token *t);

/* expr_parse.c: up to an operator that binds weaker than `precedence`. */
struct nd_expr_node *nd_expr_parse_expression(struct nd_expr_cursor *p, int precedence);
/* expr_operand.c: a literal, a name, a call, a list, a map, or what is in parentheses; what may
 * stand behind it (.a [i] [i:j]); and the call of a name that is read already, with its first
 * argument or NULL. */
struct nd_expr_node *nd_expr_operand_read(struct nd_expr_cursor *p);
struct nd_expr_node *nd_expr_operand_postfix(struct nd_expr_cursor *p, struct nd_expr_node *n);
struct nd_expr_node *nd_expr_operand_call(struct nd_expr_cursor *p,
					  const struct nd_expr_token *name,
					  struct nd_expr_node *piped);
