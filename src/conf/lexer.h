/* SPDX-License-Identifier: Apache-2.0 */
/* lexer.h - splits Corefile text into words, as coredns/caddy v1.1.4 does.
 *
 * Private to conf/.
 * Owns:    the array of words (heap). Their text is in the caller's arena.
 * Errors:  ND_ECONF with diag.
 * Threads: one at a time.
 *
 * Unicode white space ends a word. CR is dropped everywhere. A word that starts with a quote
 * extends to the next quote; \" is the only escape in it. An unclosed quote extends to the end of
 * the text. Each byte that is not valid UTF-8 becomes U+FFFD.
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
	bool starts_line; /* first word of its line; a quoted word counts for the line it ends on */
};

struct nd_lexed {
	struct nd_lexeme *at;
	size_t n;
	int open_quote; /* line of an unclosed quote; 0: none */
};

/* The words borrow `file`. */
int nd_lexer_read(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_lexed *out, struct nd_diag *d);
/* Appends a word. The caller keeps *cap, 0 at first. -1: out of memory. */
int nd_lexed_add(struct nd_lexed *x, size_t *cap, const struct nd_lexeme *w);
void nd_lexed_clear(struct nd_lexed *x);
