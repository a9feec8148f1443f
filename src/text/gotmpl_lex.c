/* SPDX-License-Identifier: Apache-2.0 */
#include "text/gotmpl_lex.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/ascii.h"
#include "base/err.h"

struct lexer {
	const char *p, *end;
	unsigned line;
	unsigned parens;
	bool trim_next; /* the last action ended in " -}}" */
	struct nd_gotmpl_token *tokens;
	size_t count, cap;
	bool done;
};

/* The white space of Go's text/template. */
static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Go tests for Unicode letters; here every character outside ASCII counts as one. */
static bool is_word(char c)
{
	return nd_ascii_is_alnum(c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool starts(const struct lexer *l, const char *p, const char *with)
{
	size_t n = strlen(with);
	return (size_t)(l->end - p) >= n && memcmp(p, with, n) == 0;
}

static void add(struct lexer *l, enum nd_gotmpl_token_kind kind, const char *text, size_t len)
{
	struct nd_gotmpl_token *tokens = nd_array_grow(l->tokens, &l->cap, l->count + 1,
						       sizeof *tokens);

	if (!tokens) {
		free(l->tokens);
		l->tokens = NULL;
		l->count = l->cap = 0;
		l->done = true;
		return;
	}
	l->tokens = tokens;
	l->tokens[l->count++] = (struct nd_gotmpl_token){
		.kind = kind,
		.line = l->line,
		.text = text,
		.len = len,
	};
	l->done = kind == ND_GOTMPL_EOF || kind == ND_GOTMPL_BAD;
}

static void bad(struct lexer *l, const char *why)
{
	add(l, ND_GOTMPL_BAD, why, strlen(why));
}

static void count_lines(struct lexer *l, const char *from, const char *to)
{
	for (; from < to; from++)
		l->line += *from == '\n';
}

/* "{{- ": the marker includes the space; {{-1}} is a number. */
static bool trims_left(const struct lexer *l, const char *p)
{
	return l->end - p >= 2 && p[0] == '-' && is_space(p[1]);
}

static bool trims_right(const struct lexer *l, const char *p)
{
	return l->end - p >= 4 && is_space(p[0]) && memcmp(p + 1, "-}}", 3) == 0;
}

static bool at_close(const struct lexer *l, const char *p)
{
	return starts(l, p, "}}") || trims_right(l, p);
}

/* p is after "{{" and a trim marker, at the start of the comment. */
static void lex_comment(struct lexer *l)
{
	const char *from = l->p, *stop = l->p + 2;

	while (stop < l->end && !starts(l, stop, "*/"))
		stop++;
	if (stop == l->end) {
		bad(l, "unclosed comment");
		return;
	}
	stop += 2;
	if (!at_close(l, stop)) {
		bad(l, "comment ends before closing delimiter");
		return;
	}
	l->trim_next = trims_right(l, stop);
	l->p = stop + (l->trim_next ? 4 : 2);
	count_lines(l, from, l->p);
}

static const char *find_open(const struct lexer *l)
{
	const char *p = l->p;

	while (p < l->end && !starts(l, p, "{{"))
		p++;
	return p;
}

/* Reads the text up to the next action, and the action's "{{". */
static bool lex_text(struct lexer *l)
{
	const char *open = find_open(l), *from = l->p, *to = open;

	while (l->trim_next && from < to && is_space(*from))
		from++;
	count_lines(l, l->p, from);
	l->trim_next = false;
	bool trim = open < l->end && trims_left(l, open + 2);
	while (trim && to > from && is_space(to[-1]))
		to--;
	if (to > from)
		add(l, ND_GOTMPL_TEXT, from, (size_t)(to - from));
	count_lines(l, from, open);
	if (open == l->end) {
		add(l, ND_GOTMPL_EOF, open, 0);
		return false;
	}
	l->p = open + (trim ? 3 : 2);
	if (starts(l, trim ? l->p + 1 : l->p, "/*")) {
		l->p += trim;
		lex_comment(l);
		return false;
	}
	add(l, ND_GOTMPL_OPEN, open, 2);
	return true;
}

/* Can a word, field or variable end here? */
static bool at_terminator(const struct lexer *l)
{
	return l->p == l->end || is_space(*l->p) || strchr(".,|:()", *l->p) ||
	       starts(l, l->p, "}}");
}

static void lex_word(struct lexer *l)
{
	static const char *const keywords[] = {
		"block", "break", "continue", "define",   "else",
		"end",   "if",    "range",    "template", "with",
	};
	enum nd_gotmpl_token_kind kind = ND_GOTMPL_WORD;
	const char *from = l->p;

	while (l->p < l->end && is_word(*l->p))
		l->p++;
	size_t n = (size_t)(l->p - from);
	if (!at_terminator(l)) {
		bad(l, "bad character in a name");
		return;
	}
	for (size_t i = 0; i < ND_COUNT(keywords); i++)
		if (strlen(keywords[i]) == n && memcmp(keywords[i], from, n) == 0)
			kind = ND_GOTMPL_KEYWORD;
	if ((n == 4 && memcmp(from, "true", 4) == 0) || (n == 5 && memcmp(from, "false", 5) == 0))
		kind = ND_GOTMPL_BOOL;
	if (n == 3 && memcmp(from, "nil", 3) == 0)
		kind = ND_GOTMPL_NIL;
	add(l, kind, from, n);
}

/* p is at '.' or '$'. */
static void lex_name(struct lexer *l)
{
	const char *from = l->p++;
	bool field = *from == '.';

	if (at_terminator(l)) {
		add(l, field ? ND_GOTMPL_DOT : ND_GOTMPL_VARIABLE, from, 1);
		return;
	}
	while (l->p < l->end && is_word(*l->p))
		l->p++;
	if (!at_terminator(l)) {
		bad(l, "bad character in a name");
		return;
	}
	add(l, field ? ND_GOTMPL_FIELD : ND_GOTMPL_VARIABLE, from, (size_t)(l->p - from));
}

static bool accept(struct lexer *l, const char *set)
{
	if (l->p == l->end || !strchr(set, *l->p) || !*l->p)
		return false;
	l->p++;
	return true;
}

static void accept_run(struct lexer *l, const char *set)
{
	while (accept(l, set))
		;
}

static void lex_number(struct lexer *l)
{
	const char *digits = "0123456789_", *from = l->p;
	char base = 'd';

	accept(l, "+-");
	if (accept(l, "0")) {
		if (accept(l, "xX")) {
			base = 'x';
			digits = "0123456789abcdefABCDEF_";
		} else if (accept(l, "oO")) {
			base = 'o';
			digits = "01234567_";
		} else if (accept(l, "bB")) {
			base = 'b';
			digits = "01_";
		}
	}
	accept_run(l, digits);
	if (accept(l, "."))
		accept_run(l, digits);
	if ((base == 'd' && accept(l, "eE")) || (base == 'x' && accept(l, "pP"))) {
		accept(l, "+-");
		accept_run(l, "0123456789_");
	}
	if (l->p < l->end && (is_word(*l->p) || *l->p == '+' || *l->p == '-')) {
		bad(l, starts(l, l->p, "i") ? "imaginary numbers are not supported"
					    : "bad number syntax");
		return;
	}
	add(l, ND_GOTMPL_NUMBER, from, (size_t)(l->p - from));
}

static void lex_quoted(struct lexer *l)
{
	const char *from = l->p++;
	char quote = *from;

	for (;; l->p++) {
		if (l->p < l->end && *l->p == '\\' && l->p + 1 < l->end && l->p[1] != '\n')
			l->p++;
		else if (l->p == l->end || *l->p == '\n')
			break;
		else if (*l->p == quote) {
			l->p++;
			add(l, quote == '"' ? ND_GOTMPL_STRING : ND_GOTMPL_RUNE, from,
			    (size_t)(l->p - from));
			return;
		}
	}
	bad(l, quote == '"' ? "unterminated quoted string" : "unterminated character constant");
}

static void lex_raw(struct lexer *l)
{
	const char *from = l->p, *stop = memchr(from + 1, '`', (size_t)(l->end - from - 1));

	if (!stop) {
		bad(l, "unterminated raw quoted string");
		return;
	}
	l->p = stop + 1;
	add(l, ND_GOTMPL_RAW, from, (size_t)(l->p - from));
	count_lines(l, from, l->p);
}

static void lex_space(struct lexer *l)
{
	const char *from = l->p;

	while (l->p < l->end && is_space(*l->p) && !trims_right(l, l->p))
		l->p++;
	if (l->p > from)
		add(l, ND_GOTMPL_SPACE, from, (size_t)(l->p - from));
	count_lines(l, from, l->p);
}

static void lex_paren(struct lexer *l)
{
	bool left = *l->p == '(';

	if (!left && l->parens == 0) {
		bad(l, "unexpected right paren");
		return;
	}
	l->parens = left ? l->parens + 1 : l->parens - 1;
	add(l, left ? ND_GOTMPL_LEFT : ND_GOTMPL_RIGHT, l->p++, 1);
}

static void lex_sign(struct lexer *l)
{
	if (*l->p == '=') {
		add(l, ND_GOTMPL_ASSIGN, l->p++, 1);
	} else if (*l->p == ':') {
		if (!starts(l, l->p, ":=")) {
			bad(l, "expected :=");
			return;
		}
		add(l, ND_GOTMPL_DECLARE, l->p, 2);
		l->p += 2;
	} else if (*l->p == '|') {
		add(l, ND_GOTMPL_PIPE, l->p++, 1);
	} else if (*l->p >= ' ' && *l->p < 0x7f) {
		add(l, ND_GOTMPL_CHAR, l->p++, 1);
	} else {
		bad(l, "unrecognized character in action");
	}
}

static void lex_token(struct lexer *l)
{
	char c = *l->p;

	if (is_space(c))
		lex_space(l);
	else if (c == '"' || c == '\'')
		lex_quoted(l);
	else if (c == '`')
		lex_raw(l);
	else if (c == '$' || (c == '.' && !(l->p + 1 < l->end && nd_ascii_is_digit(l->p[1]))))
		lex_name(l);
	else if (c == '.' || c == '+' || c == '-' || nd_ascii_is_digit(c))
		lex_number(l);
	else if (is_word(c))
		lex_word(l);
	else if (c == '(' || c == ')')
		lex_paren(l);
	else
		lex_sign(l);
}

static void lex_action(struct lexer *l)
{
	l->parens = 0;
	while (!l->done && l->p < l->end && !at_close(l, l->p))
		lex_token(l);
	if (l->done)
		return;
	if (l->p == l->end) {
		bad(l, "unclosed action");
	} else if (l->parens) {
		bad(l, "unclosed left paren");
	} else {
		l->trim_next = *l->p != '}';
		add(l, ND_GOTMPL_CLOSE, l->p, l->trim_next ? 4 : 2);
		count_lines(l, l->p, l->p + 1);
		l->p += l->trim_next ? 4 : 2;
	}
}

struct nd_gotmpl_token *nd_gotmpl_lex(const char *text, size_t n, size_t *count)
{
	struct lexer l = { .p = text, .end = text + n, .line = 1 };

	while (!l.done)
		if (lex_text(&l) && !l.done)
			lex_action(&l);
	*count = l.count;
	return l.tokens;
}
