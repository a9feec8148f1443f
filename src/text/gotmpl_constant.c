/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "text/gotmpl_lex.h"
#include "text/gotmpl_tree.h"
#include "text/quote.h"

/* Go's rules for underscores: one between digits or after the base prefix. */
static bool underscores_fit(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p == '_' && (p == s || p[-1] == '.' || p[-1] == '_' || p[1] == '_' ||
				  p[1] == '\0' || p[1] == '.' || p[1] == 'e' || p[1] == 'p'))
			return false;
	return true;
}

/* Parses as strconv.ParseInt and ParseFloat do. The lexer has checked the characters. */
static bool read_number(const char *text, size_t len, struct nd_value *v)
{
	char s[128], *end;
	size_t n = 0;
	const char *digits;
	bool based, is_float;
	int base = 10;

	if (len >= sizeof s)
		return false;
	memcpy(s, text, len);
	s[len] = '\0';
	digits = s + (*s == '+' || *s == '-');
	based = digits[0] == '0' && digits[1] &&
		(strchr("xXbBoO", digits[1]) ||
		 !strpbrk(s, ".eE")); /* "010" is octal, "01.0" is not */
	is_float = strpbrk(s, based ? "pP" : ".eE");
	if (based && strchr(s, '.') && (!is_float || !strchr("xX", digits[1])))
		return false;
	if (!underscores_fit(digits))
		return false;
	if (based)
		base = strchr("xX", digits[1]) ? 16 : strchr("bB", digits[1]) ? 2 : 8;
	for (size_t i = 0; s[i]; i++) /* strtoll does not know 0b, 0o and '_' */
		if (s[i] != '_' &&
		    !(based && i == (size_t)(digits - s) + 1 && strchr("bBoO", s[i])))
			s[n++] = s[i];
	s[n] = '\0';
	errno = 0;
	if (is_float) {
		*v = nd_value_float(strtod(s, &end));
		return end != s && !*end && isfinite(v->f);
	}
	*v = nd_value_int(strtoll(s, &end, base));
	return end != s && !*end && errno == 0 && end[-1] >= '0';
}

/* Parses 'x': a code point, or a byte such as '\xff'. */
static bool read_rune(const char *text, size_t len, struct nd_value *v)
{
	struct nd_buf rune;
	uint32_t c = 0;

	nd_buf_init(&rune, len + 8);
	bool ok = nd_quote_read(&rune, text + 1, len - 2, '\'', false) && rune.len > 0;
	size_t n = ok ? nd_quote_rune(rune.data, rune.len, &c) : 0;
	if (ok && rune.len == 1 && n == 0) {
		c = (unsigned char)rune.data[0];
		n = 1;
	}
	ok = ok && n == rune.len;
	nd_buf_clear(&rune);
	*v = nd_value_int(c);
	return ok;
}

static bool read_string(const char *text, size_t len, bool raw, struct nd_value *v,
			struct nd_arena *a)
{
	struct nd_buf string;
	bool ok = true;

	nd_buf_init(&string, len + 8);
	for (size_t i = 1; raw && i + 1 < len; i++) /* drops CR, as in Go */
		if (text[i] != '\r')
			nd_buf_add(&string, text + i, 1);
	if (!raw)
		ok = nd_quote_read(&string, text + 1, len - 2, '"', false);
	const char *copy = nd_arena_text(a, nd_buf_string(&string), string.len);
	*v = copy ? nd_value_string(copy, string.len) : nd_value_limit();
	nd_buf_clear(&string);
	return ok;
}

const char *nd_gotmpl_constant_read(const struct nd_gotmpl_token *t, struct nd_value *v,
				    struct nd_arena *a)
{
	switch (t->kind) {
	case ND_GOTMPL_BOOL: *v = nd_value_bool(*t->text == 't'); return NULL;
	case ND_GOTMPL_NUMBER:
		return read_number(t->text, t->len, v) ? NULL : "illegal number syntax";
	case ND_GOTMPL_RUNE:
		return read_rune(t->text, t->len, v) ? NULL : "malformed character constant";
	default:
		return read_string(t->text, t->len, t->kind == ND_GOTMPL_RAW, v, a)
			       ? NULL
			       : "invalid syntax";
	}
}
