/* SPDX-License-Identifier: Apache-2.0 */
/* expr.h - the subset of expr-lang that CoreDNS's `view` and `template` use.
 *
 * Operators: or || and && not ! == != < <= > >= in `not in` matches contains startsWith endsWith
 * + - * / % ** ^ ?: ?? ?. .. | (pipe), indexes and slices [i] [i:j], fields a.b, literals (numbers,
 * strings in '', "", ``; lists, maps, true false nil), comments; functions: those of the caller's,
 * and len int float string lower upper trim trimPrefix trimSuffix split join replace repeat indexOf
 * lastIndexOf hasPrefix hasSuffix min max abs ceil floor round first last; predicates any all none
 * one filter map count sum find findIndex with {#...} closures (#, #index, .field). Not: let, if,
 * ';', byte strings, methods. A program is checked when it is made: unknown names and functions,
 * numbers of arguments, constant patterns and operands whose types cannot go together are refused
 * then. What a function of the caller's returns is not known before it is called. Limits: 10,000
 * nodes, 200 levels, 1,000,000 steps, the arena of the caller. Owns: nd_expr is heap. Threads:
 * evaluating is const.
 */
#pragma once

#include <stdbool.h>
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

/* variables, functions: NULL-terminated lists (or NULL) of the names that the environment knows; a
 * function of the environment hides a built-in. The names are copied. 0, or ND_EFORMAT / ND_ELIMIT
 * with why_buf. */
int nd_expr_new(const char *text, const char *const *variables, const char *const *functions,
		struct nd_expr **out, char *why_buf, size_t why_cap);
void nd_expr_free(struct nd_expr *e);
/* No variable may have this name: it is a word or a function of expr-lang (also of those that are
 * not in the subset). */
bool nd_expr_reserved(const char *name);
/* The value; ND_VALUE_ERROR says why in .s. Values live in `a`. */
struct nd_value nd_expr_eval(const struct nd_expr *e, const struct nd_expr_env *env,
			     struct nd_arena *a);
