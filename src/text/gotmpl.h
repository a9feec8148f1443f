/* SPDX-License-Identifier: Apache-2.0 */
/* gotmpl.h - the subset of Go's text/template that CoreDNS users write.
 *
 * Actions: {{ pipeline }}, if/else if/else, with, range (lists, maps), variables, define is not;
 * break, continue; fields (.Name, .Group.x, .Meta "label"), functions of the caller's, and the
 * built-ins: and or not eq ne lt le gt ge index len print printf println html js urlquery slice
 * (call is not); trim marks {{- -}}; comments; parentheses; pipes; string, raw, rune, number,
 * boolean and nil constants. What Go refuses at parse time is refused at parse time, and also
 * define, template, block, imaginary numbers and a variable that is assigned but was never
 * declared. Other than in Go: the data as a whole ('.' outside of with and range) can be tested for
 * truth but neither printed nor given to a function; a key that a map does not have is "" for
 * `index` when all values of the map are strings. Limits: 100,000 steps, the arena and the buffer
 * of the caller. Owns: nd_gotmpl is heap. Threads: executing is const.
 */
#pragma once

#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"
#include "text/value.h"

struct nd_gotmpl;

/* What a template may ask: a top-level field (".Name" gives name "Name"), a method with arguments
 * (".Meta" "x"), or a function ("parseInt"). Returns a value; ND_VALUE_ERROR ends the execution. */
struct nd_gotmpl_env {
	void *ctx;
	struct nd_value (*field)(void *ctx, const char *name, const struct nd_value *args,
				 size_t nargs, struct nd_arena *a);
	struct nd_value (*function)(void *ctx, const char *name, const struct nd_value *args,
				    size_t nargs, struct nd_arena *a);
};

/* functions: those of the environment, NULL-terminated (may be NULL); one may hide a built-in. The
 * names are copied. 0, or ND_EFORMAT / ND_ELIMIT with why_buf saying what and where. */
int nd_gotmpl_new(const char *text, const char *const *functions, struct nd_gotmpl **out,
		  char *why_buf, size_t why_cap);
void nd_gotmpl_free(struct nd_gotmpl *t);
/* Appends the result to out. 0, or ND_EFORMAT (why_buf) / ND_ELIMIT. Values live in `a`. */
int nd_gotmpl_execute(const struct nd_gotmpl *t, const struct nd_gotmpl_env *env,
		      struct nd_arena *a, struct nd_buf *out, char *why_buf, size_t why_cap);
