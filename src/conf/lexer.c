/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/lexer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/ascii.h"
#include "base/err.h"

enum {
	TEXT_MAX = 16 << 20, /* bytes of one file */
	RUNE_BAD = 0xfffd,   /* Go's result for bytes that are not UTF-8 */
};

struct lexer {
	const unsigned char *at, *end;
	char *out; /* where the next byte of a word goes */
	int line;
	int open_quote;
};

struct rune {
	uint32_t ch;
	const unsigned char *bytes;
	size_t n;
};

/* Length of the sequence at p, 0 if invalid (RFC 3629 s4: no overlong form, no surrogate, nothing
 * above U+10FFFF). */
static size_t rune_length(const unsigned char *p, size_t left)
{
	unsigned lo = 0x80, hi = 0xbf;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
		return 0;
	switch (p[0]) {
	case 0xe0: lo = 0xa0; break;
	case 0xed: hi = 0x9f; break;
	case 0xf0: lo = 0x90; break;
	case 0xf4: hi = 0x8f; break;
	}
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static bool take_rune(struct lexer *l, struct rune *r)
{
	if (l->at == l->end)
		return false;
	*r = (struct rune){ .ch = l->at[0], .bytes = l->at, .n = 1 };
	if (l->at[0] >= 0x80) {
		size_t n = rune_length(l->at, (size_t)(l->end - l->at));
		r->ch = n == 0 ? RUNE_BAD : l->at[0] & (0x7fu >> n);
		for (size_t i = 1; i < n; i++)
			r->ch = r->ch << 6 | (l->at[i] & 0x3f);
		r->n = n ? n : 1;
	}
	l->at += r->n;
	return true;
}

static void put_rune(struct lexer *l, const struct rune *r)
{
	bool bad = r->ch == RUNE_BAD;
	size_t n = bad ? 3 : r->n;

	memcpy(l->out, bad ? (const unsigned char *)"\xef\xbf\xbd" : r->bytes, n);
	l->out += n;
}

/* Unicode White_Space, as in Go's unicode.IsSpace. */
static bool is_space(uint32_t c)
{
	return (c < 0x80 && nd_ascii_is_space((char)c)) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

/* After an opening quote: reads to the closing one or the end of the text. */
static bool read_quoted(struct lexer *l)
{
	const char *start = l->out;
	int line = l->line;
	bool escaped = false;
	struct rune r;

	while (take_rune(l, &r)) {
		if (!escaped && r.ch == '\\') {
			escaped = true;
			continue;
		}
		if (!escaped && r.ch == '"')
			return true;
		if (r.ch == '\n')
			l->line++;
		if (escaped && r.ch != '"')
			*l->out++ = '\\';
		put_rune(l, &r);
		escaped = false;
	}
	l->open_quote = line;
	return l->out > start;
}

/* Reads one word; false at the end. As in CoreDNS, a comment directly after a word ends at the
 * next white space: "errors#off now" is the words "errors" and "now". */
static bool read_word(struct lexer *l, struct nd_lexeme *w)
{
	const char *start = l->out;
	bool comment = false;
	struct rune r;

	while (take_rune(l, &r)) {
		if (is_space(r.ch)) {
			if (r.ch == '\r')
				continue;
			if (r.ch == '\n') {
				l->line++;
				comment = false;
			}
			if (l->out > start)
				return true;
			continue;
		}
		if (r.ch == '#')
			comment = true;
		if (comment)
			continue;
		if (l->out == start) {
			w->line = l->line;
			if (r.ch == '"')
				return read_quoted(l);
		}
		put_rune(l, &r);
	}
	return l->out > start;
}

int nd_lexed_add(struct nd_lexed *x, size_t *cap, const struct nd_lexeme *w)
{
	struct nd_lexeme *at = nd_array_grow(x->at, cap, x->n + 1, sizeof *at);

	if (!at)
		return -1;
	x->at = at;
	x->at[x->n++] = *w;
	return 0;
}

static int line_of(const char *text, const char *at)
{
	int line = 1;

	while ((text = memchr(text, '\n', (size_t)(at - text))) != NULL) {
		text++;
		line++;
	}
	return line;
}

/* Room for all words of the text, each with a NUL. Every word occupies at least one byte more in
 * the text than its own length (white space, a quote, or the end); an invalid byte becomes
 * three. */
static char *word_room(const char *text, size_t n, struct nd_arena *a)
{
	size_t high = 0;

	for (size_t i = 0; i < n; i++)
		high += (unsigned char)text[i] >> 7;
	return nd_arena_alloc(a, n + 2 * high + 2);
}

static int read_words(struct lexer *l, const char *file, struct nd_lexed *out)
{
	struct nd_lexeme w = { .file = file, .text = l->out };
	size_t cap = 0;
	int last_line = 0; /* where the previous word ended */

	while (read_word(l, &w)) {
		w.starts_line = w.line > last_line;
		*l->out++ = '\0';
		if (nd_lexed_add(out, &cap, &w) < 0)
			return -1;
		last_line = w.line;
		for (const char *p = w.text; (p = strchr(p, '\n')) != NULL; p++)
			last_line++;
		w.text = l->out;
	}
	out->open_quote = l->open_quote;
	return 0;
}

int nd_lexer_read(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_lexed *out, struct nd_diag *d)
{
	const char *nul = n ? memchr(text, '\0', n) : NULL;

	*out = (struct nd_lexed){ 0 };
	if (n > TEXT_MAX)
		return nd_diag_at(d, file, 0, "the file is too large: %zu bytes, the limit is %d",
				  n, TEXT_MAX);
	if (nul)
		return nd_diag_at(d, file, line_of(text, nul),
				  "unexpected NUL character: the file must be UTF-8 text");
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
		text += 3;
		n -= 3;
	}

	struct lexer l = { .at = (const unsigned char *)text, .line = 1 };
	l.end = l.at + n;
	l.out = word_room(text, n, a);
	if (!l.out || read_words(&l, file, out) < 0) {
		nd_lexed_clear(out);
		return nd_diag_at(d, file, 0, "out of memory: the configuration is too large");
	}
	return 0;
}

void nd_lexed_clear(struct nd_lexed *x)
{
	free(x->at);
	*x = (struct nd_lexed){ 0 };
}
