/* SPDX-License-Identifier: Apache-2.0 */
/* quote.h - reads and writes Go's quoted strings and UTF-8. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

/* Reads the code point at p, of n > 0 bytes. Returns its length, 0 if it is not UTF-8. */
size_t nd_quote_rune(const char *p, size_t n, uint32_t *rune);
/* The number of code points; a byte that is not UTF-8 counts as one. */
size_t nd_quote_count(const char *p, size_t n);
/* Adds the rune in UTF-8; U+FFFD for an invalid one. */
void nd_quote_add_rune(struct nd_buf *out, uint32_t rune);
/* Adds the text with quotes and escapes, as Go's strconv.Quote. */
void nd_quote_add(struct nd_buf *out, const char *text, size_t n);
/* Adds the rune in single quotes, as Go's strconv.QuoteRune. */
void nd_quote_add_rune_quoted(struct nd_buf *out, uint32_t rune);
/* Adds the text between the quotes with escapes resolved. False: invalid escape. `loose`: with
 * any quote accept \' \" \` \? and \u{...}, as expr-lang does; Go accepts only the escaped
 * quote. */
bool nd_quote_read(struct nd_buf *out, const char *text, size_t n, char quote, bool loose);
