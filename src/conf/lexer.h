/* SPDX-License-Identifier: Apache-2.0 */
/* lexer.h - Corefile text to words, as coredns/caddy v1.1.4 cuts it.
 *
 * Private to conf/.
 * Owns:    the array of words (heap); their text lies in the arena given.
 * Errors:  ND_ECONF with diag.
 * Threads: one.
 *
 * White space (Unicode's) ends a word; CR is dropped wherever it stands; a word that starts
 * with a quote goes to the next quote, \" in it is a quote, and no other escape is one; a quote
 * that is never closed ends with the text. Bytes that are no UTF-8 become U+FFFD, one each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "conf/diag.h"

struct nd_lexeme {
	const char *text;
	const char *file;
	int line;         /* of its first character */
	bool starts_line; /* no word before it on its line; a quoted word ends where its quote does */
};

struct nd_lexed {
	struct nd_lexeme *at;
	size_t n;
	int open_quote; /* line of a quote that is never closed; 0: none */
};

/* `file` is borrowed by the words. */
int nd_lexer_read(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_lexed *out, struct nd_diag *d);
/* One word more; *cap is the array's, kept by the caller, 0 at first. -1: no memory. */
int nd_lexed_add(struct nd_lexed *x, size_t *cap, const struct nd_lexeme *w);
void nd_lexed_clear(struct nd_lexed *x);
