/* SPDX-License-Identifier: Apache-2.0 */
/* gotmpl_lex.h - splits a template into tokens. Only for the gotmpl*.c files. Pure.
 *
 * Owns:    the array of tokens is heap; their texts view the template.
 */
#pragma once

#include <stddef.h>

enum nd_gotmpl_token_kind {
	ND_GOTMPL_TEXT,
	ND_GOTMPL_OPEN /* {{ */,
	ND_GOTMPL_CLOSE /* }} */,
	ND_GOTMPL_SPACE,
	ND_GOTMPL_ASSIGN,
	ND_GOTMPL_DECLARE,
	ND_GOTMPL_PIPE,
	ND_GOTMPL_LEFT /* ( */,
	ND_GOTMPL_RIGHT,
	ND_GOTMPL_CHAR /* any other character */,
	ND_GOTMPL_DOT,
	ND_GOTMPL_FIELD /* .x */,
	ND_GOTMPL_VARIABLE /* $x */,
	ND_GOTMPL_WORD,
	ND_GOTMPL_KEYWORD,
	ND_GOTMPL_BOOL,
	ND_GOTMPL_NIL,
	ND_GOTMPL_NUMBER,
	ND_GOTMPL_RUNE /* 'x' */,
	ND_GOTMPL_STRING,
	ND_GOTMPL_RAW,
	ND_GOTMPL_EOF,
	ND_GOTMPL_BAD, /* text: the error message */
};

struct nd_gotmpl_token {
	enum nd_gotmpl_token_kind kind;
	unsigned line;
	const char *text; /* includes quotes, and the . or $ of FIELD and VARIABLE */
	size_t len;
};

/* All tokens, the last one EOF or BAD. NULL: out of memory. */
struct nd_gotmpl_token *nd_gotmpl_lex(const char *text, size_t n, size_t *count);
