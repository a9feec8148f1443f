/* SPDX-License-Identifier: Apache-2.0 */
/* regex_class.h - the characters of a pattern: escapes, [classes], \p{names}.
 *
 * The smaller half of regex_syntax.c: functions take the text at the cursor, add PCRE2's spelling
 * to `out`, and move the cursor. For regex_syntax.c only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

struct nd_regex_error {
	const char *code; /* Go's, NULL: none */
	const char *at;   /* the piece of the pattern that is wrong */
	size_t len;
};

/* One character, so that PCRE2 reads it as that character inside and outside of a class. */
void nd_regex_class_literal(struct nd_buf *out, uint32_t rune);

/* p stands on '\\'. The character it means; false with *err set. */
bool nd_regex_class_escape(const char **p, const char *end, uint32_t *rune,
			   struct nd_regex_error *err);
/* p stands on '\\': \d \D \s \S \w \W \p \P? Then adds it and returns true; or false, with
 * err->code set when it was one of these and wrong. `inside`: of [...]. */
bool nd_regex_class_group(const char **p, const char *end, bool inside, bool fold,
			  struct nd_buf *out, struct nd_regex_error *err);
/* p stands on '['. Adds the whole class. */
bool nd_regex_class_read(const char **p, const char *end, bool fold, struct nd_buf *out,
			 struct nd_regex_error *err);
