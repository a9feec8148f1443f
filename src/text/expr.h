/* SPDX-License-Identifier: Apache-2.0 */
/* expr.h - the subset of expr-lang that CoreDNS's `view` and `template` use.
 *
 * Operators: or || and && not ! == != < <= > >= in `not in` matches contains startsWith endsWith
 * + - * / % ** ?: ?? .. | (pipe), indexes and slices [i] [i:j], fields a.b, literals (numbers, strings
 * in '', "", ``; lists, maps, true false nil), let is not; functions: those of the caller's, and
 * len int float string lower upper trim split join replace indexOf hasPrefix hasSuffix min max abs
 * first last; predicates any all none one filter map count with {#...} closures.
 * A program is checked when it is made (unknown names and functions are refused then).
 * Owns: nd_expr is heap. Threads: evaluating is const.
 */
#pragma once

#include <stddef.h>
#include "base/arena.h"
#include "text/value.h"

struct nd_expr;

struct nd_expr_env {
	void *ctx;
	/* A variable by name (template's earlier `var`s). */
	struct nd_value (*variable)(void *ctx, const char *name, struct nd_arena *a);
	struct nd_value (*function)(void *ctx, const char *name, const struct nd_value *args,
				    size_t nargs, struct nd_arena *a);
};

/* variables, functions: NULL-terminated lists of the names that the environment knows. */
int nd_expr_new(const char *text, const char *const *variables, const char *const *functions,
		struct nd_expr **out, char *why_buf, size_t why_cap);
void nd_expr_free(struct nd_expr *e);
/* The value; ND_VALUE_ERROR says why in .s. Values live in `a`. */
struct nd_value nd_expr_eval(const struct nd_expr *e, const struct nd_expr_env *env,
			     struct nd_arena *a);
