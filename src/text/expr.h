/* SPDX-License-Identifier: Apache-2.0 */
/* expr.h - the subset of expr-lang that CoreDNS's `view` and `template` plugins use.
 *
 * Operators: or || and && not ! == != < <= > >= in `not in` matches contains startsWith endsWith
 * + - * / % ** ^ ?: ?? ?. .. | (pipe), indexes and slices [i] [i:j], fields a.b, literals
 * (numbers, strings in '', "", ``; lists, maps, true false nil), comments.
 * Functions: the caller's, and len int float string lower upper trim trimPrefix trimSuffix split
 * join replace repeat indexOf lastIndexOf hasPrefix hasSuffix min max abs ceil floor round first
 * last; predicates any all none one filter map count sum find findIndex with {#...} closures (#,
 * #index, .field).
 * Not supported: let, if, ';', byte strings, methods.
 * Checked when an expression is created: names, functions, numbers and types of arguments, constant
 * patterns, operand types.
 *
 * Limits:  10,000 nodes, 200 levels, 1,000,000 steps, the caller's arena.
 * Owns:    struct nd_expr is heap; nd_expr_free. Values are in the caller's arena.
 * Errors:  0, ND_EFORMAT or ND_ELIMIT with a message; a value of kind ND_VALUE_ERROR.
 * Threads: any; evaluation does not change the expression.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "text/value.h"

struct nd_expr;

struct nd_expr_env {
	void *ctx;
	/* The value of a variable (the template plugin's earlier `var`s). */
	struct nd_value (*variable)(void *ctx, const char *name, struct nd_arena *a);
	struct nd_value (*function)(void *ctx, const char *name, const struct nd_value *args,
				    size_t nargs, struct nd_arena *a);
};

/* A function of the environment. */
struct nd_expr_function {
	const char *name;          /* NULL: the end of a table */
	enum nd_value_kind result; /* NIL: any */
	const char *args;          /* a letter for each: s a text, a any */
};

/* variables: the names known to the environment, a NULL-terminated list or NULL. functions: a
 * NULL-terminated list of tables, or NULL; they hide built-in functions. Names are copied. 0, or
 * ND_EFORMAT or ND_ELIMIT with a message in why_buf. */
int nd_expr_new(const char *text, const char *const *variables,
		const struct nd_expr_function *const *functions, struct nd_expr **out,
		char *why_buf, size_t why_cap);
void nd_expr_free(struct nd_expr *e);
/* Is the name reserved? No variable can have the name of a keyword or function of expr-lang,
 * inside or outside the subset. */
bool nd_expr_reserved(const char *name);
/* The value, in `a`; for ND_VALUE_ERROR the message is in .s. */
struct nd_value nd_expr_eval(const struct nd_expr *e, const struct nd_expr_env *env,
			     struct nd_arena *a);
