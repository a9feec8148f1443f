/* SPDX-License-Identifier: Apache-2.0 */
/* quote.h - Go's quoted strings and UTF-8, in both directions.
 *
 * Owns: nothing. Shared by templates and expressions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

/* The code point at p, of n > 0 bytes, and its length; 0: not UTF-8. */
size_t nd_quote_rune(const char *p, size_t n, uint32_t *rune);
/* Code points, a byte that is no UTF-8 counts as one. */
size_t nd_quote_count(const char *p, size_t n);
/* As UTF-8; what is no code point becomes U+FFFD. */
void nd_quote_add_rune(struct nd_buf *out, uint32_t rune);
/* With quotes and escapes, as Go's strconv.Quote. */
void nd_quote_add(struct nd_buf *out, const char *text, size_t n);
/* A rune between '', as Go's strconv.QuoteRune. */
void nd_quote_add_rune_quoted(struct nd_buf *out, uint32_t rune);
/* Takes the escapes out of what stands between the quotes. False: a wrong escape. `loose`:
 * expr-lang allows \' \" \` \? and \u{...} whatever the quote is; Go allows its own quote only. */
bool nd_quote_read(struct nd_buf *out, const char *text, size_t n, char quote, bool loose);
