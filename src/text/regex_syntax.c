/* SPDX-License-Identifier: Apache-2.0 */
#include "text/regex_syntax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/ascii.h"
#include "base/err.h"
#include "text/quote.h"
#include "text/regex_class.h"

enum {
	DEPTH_MAX = 1000,  /* as in Go */
	REPEAT_MAX = 1000, /* of one repetition, and of the product of nested ones */
	OUT_MAX_BYTES = 1 << 20,
};

enum { FLAG_I = 1, FLAG_M = 2, FLAG_S = 4, FLAG_U = 8 };

/* One open '('; the first level is the pattern itself. */
struct level {
	unsigned flags;  /* RE2's, restored at ')' */
	bool fold;       /* PCRE2's (?i), restored at ')' */
	size_t out_at;   /* start of the group in the output */
	unsigned weight; /* largest product of nested repetitions so far */
};

struct reader {
	struct nd_regex_syntax *s;
	struct nd_regex_error err;
	const char *text, *p, *end;
	unsigned flags;
	bool fold; /* PCRE2's (?i) at the end of the output; RE2's is in flags */
	/* The last complete piece, which a following repetition repeats: its start in the output
	 * (SIZE_MAX: none) and its weight. */
	size_t atom_at;
	unsigned atom_weight;
	bool atom_repeated;      /* it already has a quantifier in the output */
	const char *last_repeat; /* the repetition that ends at p, or NULL */
	size_t depth;
	struct level levels[DEPTH_MAX];
};

static bool fail(struct reader *r, const char *code, const char *from, const char *to)
{
	r->err = (struct nd_regex_error){ .code = code, .at = from, .len = (size_t)(to - from) };
	return false;
}

static void add(struct reader *r, const char *text)
{
	nd_buf_text(&r->s->pattern, text);
}

/* The weight of the level, including the last piece. */
static unsigned level_weight(const struct reader *r)
{
	unsigned so_far = r->levels[r->depth].weight;
	return r->atom_at != SIZE_MAX && r->atom_weight > so_far ? r->atom_weight : so_far;
}

static void forget_atom(struct reader *r)
{
	r->levels[r->depth].weight = level_weight(r);
	r->atom_at = SIZE_MAX;
}

/* Starts a piece. (?i) is written only when needed and not in its place: a(?i)* repeats the a. */
static void begin_atom(struct reader *r, bool cased)
{
	bool fold = r->flags & FLAG_I;

	forget_atom(r);
	if (cased && fold != r->fold) {
		add(r, fold ? "(?i)" : "(?-i)");
		r->fold = fold;
	}
	r->atom_at = r->s->pattern.len;
	r->atom_weight = 1;
	r->atom_repeated = false;
}

static void add_literal(struct reader *r, uint32_t c)
{
	begin_atom(r, true);
	nd_regex_class_literal(&r->s->pattern, c);
}

/* In (?:), so it can be repeated as in RE2. */
static void add_assertion(struct reader *r, const char *text)
{
	begin_atom(r, false);
	nd_buf_printf(&r->s->pattern, "(?:%s)", text);
}

static bool open_level(struct reader *r, const char *text)
{
	if (r->depth + 1 == DEPTH_MAX)
		return fail(r, "expression nests too deeply", r->text, r->end);
	forget_atom(r);
	r->levels[++r->depth] = (struct level){
		.flags = r->flags,
		.fold = r->fold,
		.out_at = r->s->pattern.len,
		.weight = 1,
	};
	add(r, text);
	return true;
}

static bool close_level(struct reader *r)
{
	if (r->depth == 0)
		return fail(r, "unexpected )", r->text, r->end);
	const struct level *l = &r->levels[r->depth];
	unsigned weight = level_weight(r);

	add(r, ")");
	r->flags = l->flags;
	r->fold = l->fold;
	r->atom_at = l->out_at;
	r->atom_weight = weight;
	r->atom_repeated = false;
	r->depth--;
	r->p++;
	return true;
}

static bool open_capture(struct reader *r, const char *name, size_t len)
{
	struct nd_regex_syntax *s = r->s;

	if (s->groups == ND_REGEX_GROUPS)
		return fail(r, "more than 31 groups", r->text, r->end);
	if (name) {
		s->names[s->groups] = strndup(name, len);
		if (!s->names[s->groups])
			return fail(r, "expression too large", r->text, r->end);
	}
	s->groups++;
	return open_level(r, "(");
}

static bool is_name(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!nd_ascii_is_alnum(p[i]) && p[i] != '_')
			return false;
	return n > 0;
}

/* (?P<name> and (?<name>. A lookbehind starts the same way, but no name can have its form. */
static bool open_named(struct reader *r, size_t prefix)
{
	const char *from = r->p, *name = from + prefix;
	const char *stop = memchr(from, '>', (size_t)(r->end - from));

	if (!stop)
		return fail(r, "invalid named capture", from, r->end);
	if (!is_name(name, (size_t)(stop - name)))
		return fail(r, "invalid named capture", from, stop + 1);
	r->p = stop + 1;
	return open_capture(r, name, (size_t)(stop - name));
}

static unsigned flag_of(char c)
{
	return c == 'i' ? FLAG_I : c == 'm' ? FLAG_M : c == 's' ? FLAG_S : c == 'U' ? FLAG_U : 0;
}

/* p is at "(?". */
static bool read_flags(struct reader *r)
{
	const char *from = r->p, *p = from + 2;
	unsigned flags = r->flags;
	bool off = false, seen = false;

	if (r->end - from > 4 && p[0] == 'P' && p[1] == '<')
		return open_named(r, 4);
	if (r->end - from > 3 && p[0] == '<')
		return open_named(r, 3);
	while (p < r->end) {
		uint32_t c = 0;
		size_t n = nd_quote_rune(p, (size_t)(r->end - p), &c);
		if (n == 0)
			return fail(r, "invalid UTF-8", p, r->end);
		p += n;
		unsigned flag = c < 0x80 ? flag_of((char)c) : 0;
		if (flag) {
			flags = off ? flags & ~flag : flags | flag;
			seen = true;
		} else if (c == '-' && !off) {
			off = true;
			seen = false;
		} else if ((c == ':' || c == ')') && (!off || seen)) {
			r->p = p;
			/* open the group before the flags change: it restores the outer ones */
			if (c == ':' && !open_level(r, "(?:"))
				return false;
			r->flags = flags;
			return true;
		} else {
			break;
		}
	}
	return fail(r, "invalid or unsupported Perl syntax", from, p);
}

/* Reads digits without a leading zero. *count -1: too large. False: not a number. */
static bool read_count(const char **p, const char *end, int *count)
{
	const char *s = *p;
	int n = 0;

	if (s == end || !nd_ascii_is_digit(*s) ||
	    (*s == '0' && end - s > 1 && nd_ascii_is_digit(s[1])))
		return false;
	for (; s < end && nd_ascii_is_digit(*s); s++)
		n = n > REPEAT_MAX ? n : n * 10 + (*s - '0');
	*count = n > REPEAT_MAX ? -1 : n;
	*p = s;
	return true;
}

/* Reads {n} {n,} {n,m}; anything else is a plain '{'. *max: INT_MAX if there is none, -1:
 * invalid. */
static bool read_counts(const char **p, const char *end, int *min, int *max)
{
	const char *s = *p + 1;

	if (!read_count(&s, end, min) || s == end)
		return false;
	*max = *min;
	if (*s == ',') {
		if (++s == end)
			return false;
		*max = __INT_MAX__;
		if (*s != '}' && !read_count(&s, end, max))
			return false;
	}
	if (s == end || *s != '}')
		return false;
	*p = s + 1;
	return true;
}

/* {n,m} multiplies its content. RE2 limits the product; a short pattern could expand to a huge
 * one. */
static bool weigh(struct reader *r, int min, int max, const char *from)
{
	unsigned times = max == __INT_MAX__ ? (unsigned)min : (unsigned)max;

	if (max == 0)
		r->atom_weight = 1;
	else if (times > 0)
		r->atom_weight *= times;
	if ((min >= 2 || (max >= 2 && max != __INT_MAX__)) && r->atom_weight > REPEAT_MAX)
		return fail(r, "invalid repeat count", from, r->p);
	return true;
}

/* Puts (?: ) around the piece: "a**" and "a*+" have another meaning in PCRE2. */
static bool wrap_atom(struct reader *r)
{
	struct nd_buf *out = &r->s->pattern;
	size_t n = out->len - r->atom_at;

	add(r, "(?:)");
	if (out->err)
		return false;
	memmove(out->data + r->atom_at + 3, out->data + r->atom_at, n);
	memcpy(out->data + r->atom_at, "(?:", 3);
	out->data[out->len - 1] = ')';
	return true;
}

/* p is after the repetition that starts at `from`. */
static bool repeat(struct reader *r, const char *from, const char *last, int min, int max)
{
	bool lazy = r->flags & FLAG_U;
	const char *op_end = r->p;

	if (r->p < r->end && *r->p == '?') {
		lazy = !lazy;
		r->p++;
	}
	if (last)
		return fail(r, "invalid nested repetition operator", last, r->p);
	if (r->atom_at == SIZE_MAX)
		return fail(r, "missing argument to repetition operator", from, r->p);
	if (*from == '{' && !weigh(r, min, max, from))
		return false;
	if (r->atom_repeated && !wrap_atom(r))
		return fail(r, "expression too large", r->text, r->end);
	nd_buf_add(&r->s->pattern, from, (size_t)(op_end - from));
	add(r, lazy ? "?" : "");
	r->atom_repeated = true;
	r->last_repeat = from;
	return true;
}

static bool read_repeat(struct reader *r, const char *last)
{
	const char *from = r->p;
	int min = 0, max = 0;

	if (*from != '{') {
		r->p++;
		return repeat(r, from, last, 0, 0);
	}
	if (!read_counts(&r->p, r->end, &min, &max)) {
		add_literal(r, '{');
		r->p++;
		return true;
	}
	if (min < 0 || max < 0 || min > max)
		return fail(r, "invalid repeat count", from, r->p);
	return repeat(r, from, last, min, max);
}

static bool read_plain(struct reader *r, const char *end)
{
	uint32_t c = 0;
	size_t n = nd_quote_rune(r->p, (size_t)(end - r->p), &c);

	if (n == 0)
		return fail(r, "invalid UTF-8", r->p, end);
	add_literal(r, c);
	r->p += n;
	return true;
}

/* Reads \Q...\E, or \Q up to the end. */
static bool read_quoted(struct reader *r)
{
	const char *stop = r->p += 2;

	while (stop < r->end && !(stop[0] == '\\' && stop + 1 < r->end && stop[1] == 'E'))
		stop++;
	while (r->p < stop)
		if (!read_plain(r, stop))
			return false;
	r->p = stop < r->end ? stop + 2 : stop;
	return true;
}

static bool read_backslash(struct reader *r)
{
	char letter = r->p + 1 < r->end ? r->p[1] : 0;
	uint32_t c;

	switch (letter) {
	case 'A':
		add_assertion(r, "\\A");
		r->p += 2;
		return true;
	case 'z':
		add_assertion(r, "\\z");
		r->p += 2;
		return true;
	case 'b':
		add_assertion(r, "\\b");
		r->p += 2;
		return true;
	case 'B':
		add_assertion(r, "\\B");
		r->p += 2;
		return true;
	case 'C': return fail(r, "invalid escape sequence", r->p, r->p + 2);
	case 'Q': return read_quoted(r);
	case 'd':
	case 'D':
	case 's':
	case 'S':
	case 'w':
	case 'W':
	case 'p':
	case 'P':
		begin_atom(r, true);
		return nd_regex_class_group(&r->p, r->end, false, r->flags & FLAG_I, &r->s->pattern,
					    &r->err);
	default:
		if (!nd_regex_class_escape(&r->p, r->end, &c, &r->err))
			return false;
		add_literal(r, c);
		return true;
	}
}

static bool read_class(struct reader *r)
{
	begin_atom(r, true);
	return nd_regex_class_read(&r->p, r->end, r->flags & FLAG_I, &r->s->pattern, &r->err);
}

static bool read_piece(struct reader *r)
{
	const char *last = r->last_repeat;

	r->last_repeat = NULL;
	switch (*r->p) {
	case '(':
		if (r->p + 1 < r->end && r->p[1] == '?')
			return read_flags(r);
		r->p++;
		return open_capture(r, NULL, 0);
	case ')': return close_level(r);
	case '|':
		forget_atom(r);
		add(r, "|");
		r->p++;
		return true;
	case '^':
		add_assertion(r, r->flags & FLAG_M ? "(?m:^)" : "\\A");
		r->p++;
		return true;
	case '$':
		add_assertion(r, r->flags & FLAG_M ? "(?m:$)" : "\\z");
		r->p++;
		return true;
	case '.':
		begin_atom(r, false);
		add(r, r->flags & FLAG_S ? "." : "[^\\n]"); /* compiled with DOTALL */
		r->p++;
		return true;
	case '[': return read_class(r);
	case '*':
	case '+':
	case '?':
	case '{': return read_repeat(r, last);
	case '\\': return read_backslash(r);
	default: return read_plain(r, r->end);
	}
}

static int report_error(const struct nd_regex_error *err, char *why_buf, size_t why_cap)
{
	if (why_cap)
		snprintf(why_buf, why_cap, "error parsing regexp: %s: `%.*s`", err->code,
			 (int)err->len, err->at);
	return ND_EFORMAT;
}

int nd_regex_syntax_read(struct nd_regex_syntax *s, const char *pattern, char *why_buf,
			 size_t why_cap)
{
	struct nd_regex_error too_large = { "expression too large", pattern, strlen(pattern) };
	struct reader *r = malloc(sizeof *r);

	*s = (struct nd_regex_syntax){ .groups = 1 };
	nd_buf_init(&s->pattern, OUT_MAX_BYTES);
	if (!r || too_large.len > ND_REGEX_PATTERN_MAX) {
		free(r);
		return report_error(&too_large, why_buf, why_cap);
	}
	r->s = s;
	r->err.code = NULL;
	r->text = r->p = pattern;
	r->end = pattern + too_large.len;
	r->flags = 0;
	r->fold = false;
	r->atom_at = SIZE_MAX;
	r->atom_weight = 1;
	r->atom_repeated = false;
	r->last_repeat = NULL;
	r->depth = 0;
	r->levels[0] = (struct level){ .weight = 1 };
	while (r->p < r->end && read_piece(r) && !s->pattern.err)
		;
	if (!r->err.code && r->depth > 0)
		fail(r, "missing closing )", r->text, r->end);
	if (s->pattern.err)
		r->err = too_large;
	int ret = r->err.code ? report_error(&r->err, why_buf, why_cap) : 0;
	free(r);
	return ret;
}

void nd_regex_syntax_clear(struct nd_regex_syntax *s)
{
	for (size_t i = 0; i < ND_REGEX_GROUPS; i++)
		free(s->names[i]);
	nd_buf_clear(&s->pattern);
	*s = (struct nd_regex_syntax){ 0 };
}
