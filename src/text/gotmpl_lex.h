/* SPDX-License-Identifier: Apache-2.0 */
/* gotmpl_lex.h - a template cut into tokens. For gotmpl_parse.c only.
 *
 * Owns: the tokens are heap; their texts are views of the template.
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
	ND_GOTMPL_CHAR /* any other sign */,
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
	ND_GOTMPL_BAD, /* text: what is wrong */
};

struct nd_gotmpl_token {
	enum nd_gotmpl_token_kind kind;
	unsigned line;
	const char *text; /* quotes included; of FIELD and VARIABLE the sign too */
	size_t len;
};

/* All tokens, the last one EOF or BAD; or NULL without memory. */
struct nd_gotmpl_token *nd_gotmpl_lex(const char *text, size_t n, size_t *count);
