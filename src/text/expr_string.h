/* SPDX-License-Identifier: Apache-2.0 */
/* expr_string.h - the string functions of expr-lang. Pure.
 *
 * Owns:    nothing. Results are in the arena or view the arguments.
 * Errors:  a value of kind ND_VALUE_ERROR. expr_funcs.c checks the arguments before the call.
 */
#pragma once

#include "base/arena.h"
#include "text/value.h"

typedef struct nd_value nd_expr_call(const struct nd_value *args, size_t nargs, struct nd_arena *a);

nd_expr_call nd_expr_string_format, nd_expr_string_lower, nd_expr_string_upper, nd_expr_string_trim,
	nd_expr_string_trim_prefix, nd_expr_string_trim_suffix, nd_expr_string_split,
	nd_expr_string_join, nd_expr_string_replace, nd_expr_string_repeat, nd_expr_string_index_of,
	nd_expr_string_last_index_of, nd_expr_string_has_prefix, nd_expr_string_has_suffix;
