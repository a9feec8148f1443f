/* SPDX-License-Identifier: Apache-2.0 */
/* regex_class.h - the characters of a pattern: escapes, [classes], \p{names}. Pure.
 *
 * Only for regex_syntax.c. Functions read the text at the cursor, add PCRE2's form to `out` and
 * advance the cursor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

struct nd_regex_error {
	const char *code; /* Go's message; NULL: no error */
	const char *at;   /* the invalid part of the pattern */
	size_t len;
};

/* Adds one character in a form that PCRE2 reads literally, inside and outside a class. */
void nd_regex_class_literal(struct nd_buf *out, uint32_t rune);

/* p is at '\\'. Reads the escaped character; false with *err set. */
bool nd_regex_class_escape(const char **p, const char *end, uint32_t *rune,
			   struct nd_regex_error *err);
/* p is at '\\'. Adds the class if it is one of \d \D \s \S \w \W \p \P. False: none of these, or
 * invalid, with err->code set. `inside`: within [...]. */
bool nd_regex_class_group(const char **p, const char *end, bool inside, bool fold,
			  struct nd_buf *out, struct nd_regex_error *err);
/* p is at '['. Adds the whole class. */
bool nd_regex_class_read(const char **p, const char *end, bool fold, struct nd_buf *out,
			 struct nd_regex_error *err);
