/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/ascii.h"
#include "base/err.h"
#include "text/expr_tree.h"

/* expr-lang tests for Unicode letters; here every character outside ASCII counts as one. */
static bool is_word(char c)
{
	return nd_ascii_is_alnum(c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static struct nd_expr_token token(const struct nd_expr_lexer *l, enum nd_expr_token_kind kind,
				  const char *from)
{
	return (struct nd_expr_token){
		.kind = kind,
		.text = from,
		.len = (size_t)(l->p - from),
		.line = l->line,
		.column = (unsigned)(from - l->line_start),
	};
}

static struct nd_expr_token bad(const struct nd_expr_lexer *l, const char *from, const char *why)
{
	struct nd_expr_token t = token(l, ND_EXPR_BAD, from);
	t.text = why;
	t.len = strlen(why);
	return t;
}

static void newline(struct nd_expr_lexer *l)
{
	l->line++;
	l->line_start = l->p + 1;
}

static bool starts(const struct nd_expr_lexer *l, const char *with)
{
	size_t n = strlen(with);
	return (size_t)(l->end - l->p) >= n && memcmp(l->p, with, n) == 0;
}

/* Skips white space and comments. False: a comment is not closed. */
static bool skip(struct nd_expr_lexer *l)
{
	while (l->p < l->end) {
		if (nd_ascii_is_space(*l->p)) {
			if (*l->p == '\n')
				newline(l);
			l->p++;
		} else if (starts(l, "//")) {
			while (l->p < l->end && *l->p != '\n')
				l->p++;
		} else if (starts(l, "/*")) {
			for (l->p += 2; !starts(l, "*/"); l->p++) {
				if (l->p == l->end)
					return false;
				if (*l->p == '\n')
					newline(l);
			}
			l->p += 2;
		} else {
			break;
		}
	}
	return true;
}

static struct nd_expr_token lex_quoted(struct nd_expr_lexer *l)
{
	const char *from = l->p++;

	for (; l->p < l->end && *l->p != '\n'; l->p++) {
		if (*l->p == '\\' && l->p + 1 < l->end && l->p[1] != '\n') {
			l->p++;
		} else if (*l->p == *from) {
			l->p++;
			return token(l, ND_EXPR_STRING, from);
		}
	}
	return bad(l, from, "literal not terminated");
}

/* A raw string `...`; `` in it is a backquote. */
static struct nd_expr_token lex_raw(struct nd_expr_lexer *l)
{
	struct nd_expr_token t = token(l, ND_EXPR_RAW, l->p);

	for (l->p++; l->p < l->end; l->p++) {
		if (*l->p == '\n')
			newline(l);
		if (*l->p != '`')
			continue;
		if (l->p + 1 == l->end || l->p[1] != '`') {
			l->p++;
			t.len = (size_t)(l->p - t.text);
			return t;
		}
		l->p++;
	}
	return bad(l, t.text, "literal not terminated");
}

static bool accept(struct nd_expr_lexer *l, const char *set)
{
	if (l->p == l->end || !*l->p || !strchr(set, *l->p))
		return false;
	l->p++;
	return true;
}

static void accept_run(struct nd_expr_lexer *l, const char *set)
{
	while (accept(l, set))
		;
}

static struct nd_expr_token lex_number(struct nd_expr_lexer *l)
{
	const char *from = l->p, *digits = "0123456789_";

	if (accept(l, "0")) {
		if (accept(l, "xX"))
			digits = "0123456789abcdefABCDEF_";
		else if (accept(l, "oO"))
			digits = "01234567_";
		else if (accept(l, "bB"))
			digits = "01_";
	}
	accept_run(l, digits);
	if (starts(l, ".") && !starts(l, "..")) { /* 1..2 is a range */
		l->p++;
		accept_run(l, digits);
	}
	if (accept(l, "eE")) {
		accept(l, "+-");
		accept_run(l, digits);
	}
	if (l->p < l->end && is_word(*l->p))
		return bad(l, from, "bad number syntax");
	return token(l, ND_EXPR_NUMBER, from);
}

static struct nd_expr_token lex_word(struct nd_expr_lexer *l)
{
	static const char *const operators[] = {
		"not",        "in",       "or",  "and", "matches", "contains",
		"startsWith", "endsWith", "let", "if",  "else",
	};
	const char *from = l->p;

	while (l->p < l->end && is_word(*l->p))
		l->p++;
	struct nd_expr_token t = token(l, ND_EXPR_IDENT, from);
	for (size_t i = 0; i < ND_COUNT(operators); i++)
		if (strlen(operators[i]) == t.len && memcmp(operators[i], from, t.len) == 0)
			t.kind = ND_EXPR_OPERATOR;
	return t;
}

static struct nd_expr_token lex_sign(struct nd_expr_lexer *l)
{
	static const char *const signs[] = {
		/* longest first */
		"&&", "||", "==", "!=", "<=", ">=", "**", "..", "??", "?.", "::", "?", ":", "|",
		"!",  "<",  ">",  "=",  "+",  "-",  "*",  "/",  "%",  "^",  ",",  ";", ".", "#",
	};
	const char *from = l->p;

	if (strchr("()[]{}", *from)) {
		l->p++;
		return token(l, ND_EXPR_BRACKET, from);
	}
	for (size_t i = 0; i < ND_COUNT(signs); i++) {
		if (!starts(l, signs[i]))
			continue;
		l->p += strlen(signs[i]);
		return token(l, ND_EXPR_OPERATOR, from);
	}
	return bad(l, from, "unrecognized character");
}

struct nd_expr_token nd_expr_lex(struct nd_expr_lexer *l)
{
	if (!skip(l))
		return bad(l, l->p, "unclosed comment");
	if (l->p == l->end)
		return token(l, ND_EXPR_EOF, l->p);
	char c = *l->p, next = l->p + 1 < l->end ? l->p[1] : '\0';
	if ((c == 'b' || c == 'B') && (next == '\'' || next == '"'))
		return bad(l, l->p, "byte strings are not supported");
	if (c == '\'' || c == '"')
		return lex_quoted(l);
	if (c == '`')
		return lex_raw(l);
	if (nd_ascii_is_digit(c) || (c == '.' && nd_ascii_is_digit(next)))
		return lex_number(l);
	if (is_word(c))
		return lex_word(l);
	return lex_sign(l);
}
