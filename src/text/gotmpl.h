/* SPDX-License-Identifier: Apache-2.0 */
/* gotmpl.h - the subset of Go's text/template that CoreDNS users write.
 *
 * Actions: {{ pipeline }}, if/else if/else, with, range (lists, maps, ints), variables, break,
 * continue; fields (.Name, .Group.x, .Meta "label"); the caller's functions, and and or not eq ne
 * lt le gt ge index len print printf println html js urlquery slice; trim markers {{- -}};
 * comments; parentheses; pipes; string, raw string, rune, number, boolean and nil constants.
 * Not supported: define, template, block, call, imaginary numbers, assignment to an undeclared
 * variable. These and everything Go rejects at parse time are rejected at parse time.
 * Different from Go: the whole data ('.' outside with and range) can be tested for truth, but not
 * printed or passed to a function; for a missing key `index` returns "" if all values of the map
 * are strings.
 *
 * Limits:  100,000 steps, the caller's arena and buffer.
 * Owns:    struct nd_gotmpl is heap; nd_gotmpl_free. Values are in the caller's arena.
 * Errors:  0, ND_EFORMAT or ND_ELIMIT with a message.
 * Threads: any; execution does not change the template.
 */
#pragma once

#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"
#include "text/value.h"

struct nd_gotmpl;

/* The template's access to data: a top-level field (name "Name" for ".Name"), a method with
 * arguments (".Meta" "x") or a function ("parseInt"). An ND_VALUE_ERROR ends the execution. */
struct nd_gotmpl_env {
	void *ctx;
	struct nd_value (*field)(void *ctx, const char *name, const struct nd_value *args,
				 size_t nargs, struct nd_arena *a);
	struct nd_value (*function)(void *ctx, const char *name, const struct nd_value *args,
				    size_t nargs, struct nd_arena *a);
};

/* functions: the names known to the environment, a NULL-terminated list or NULL; they hide
 * built-ins. The names are copied. 0, or ND_EFORMAT or ND_ELIMIT with a message and line in
 * why_buf. */
int nd_gotmpl_new(const char *text, const char *const *functions, struct nd_gotmpl **out,
		  char *why_buf, size_t why_cap);
void nd_gotmpl_free(struct nd_gotmpl *t);
/* Appends the result to out. Values are in `a`. 0, or ND_EFORMAT or ND_ELIMIT with why_buf. */
int nd_gotmpl_execute(const struct nd_gotmpl *t, const struct nd_gotmpl_env *env,
		      struct nd_arena *a, struct nd_buf *out, char *why_buf, size_t why_cap);
