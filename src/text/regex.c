/* SPDX-License-Identifier: Apache-2.0 */
#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "text/quote.h"
#include "text/regex_syntax.h"

/* Go matches in linear time; PCRE2 backtracks. For a name of 255 bytes no reasonable pattern
 * reaches these limits. */
enum {
	MATCH_LIMIT = 500000,
	DEPTH_LIMIT = 50000,
	HEAP_LIMIT_KIB = 16384,
	NEST_LIMIT = 4000,        /* above that of regex_syntax.c; each level can add (?:) */
	TEXT_MAX_BYTES = 1 << 20, /* of text that is not UTF-8 and must be copied */
};

struct nd_regex {
	pcre2_code *code;
	struct nd_regex_syntax syntax; /* groups and their names */
};

static _Atomic bool jit_used;

struct nd_regex_scratch {
	struct nd_arena *arena; /* NULL: heap */
	pcre2_general_context *memory;
	pcre2_match_context *limits;
	pcre2_match_data *found;
};

static int report_error(char *why_buf, size_t why_cap, int code, const char *pattern)
{
	PCRE2_UCHAR text[120];
	const char *why = (const char *)text;

	pcre2_get_error_message(code, text, sizeof text);
	if (code == PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY ||
	    code == PCRE2_ERROR_MALFORMED_UNICODE_PROPERTY)
		why = "invalid character class range";
	if (code == PCRE2_ERROR_PATTERN_TOO_LARGE)
		why = "expression too large";
	if (why_cap)
		snprintf(why_buf, why_cap, "error parsing regexp: %s: `%s`", why, pattern);
	return ND_EFORMAT;
}

/* UTF mode, because Go's runes are code points; texts are made valid before a match. Newline is
 * LF: as in Go, ^ under (?m) matches after every one and $ before every one. No UCP: \b is
 * ASCII. */
static int compile(struct nd_regex *re, const char *pattern, char *why_buf, size_t why_cap)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	const struct nd_buf *out = &re->syntax.pattern;
	int code = PCRE2_ERROR_HEAP_FAILED;
	PCRE2_SIZE offset;

	if (context) {
		pcre2_set_newline(context, PCRE2_NEWLINE_LF);
		pcre2_set_parens_nest_limit(context, NEST_LIMIT);
		/* Go allows \x{d800}; it matches nothing. */
		pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALLOW_SURROGATE_ESCAPES);
		re->code = pcre2_compile((PCRE2_SPTR)nd_buf_string(out), out->len,
					 PCRE2_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY |
						 PCRE2_ALT_CIRCUMFLEX,
					 &code, &offset, context);
		pcre2_compile_context_free(context);
	}
	if (!re->code)
		return report_error(why_buf, why_cap, code, pattern);
	/* Optional: pcre2_match uses the JIT code if there is any. */
	if (pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0)
		atomic_store_explicit(&jit_used, true, memory_order_relaxed);
	return 0;
}

bool nd_regex_jit_used(void)
{
	return atomic_load_explicit(&jit_used, memory_order_relaxed);
}

int nd_regex_new(const char *pattern, struct nd_regex **out, char *why_buf, size_t why_cap)
{
	struct nd_regex *re = calloc(1, sizeof *re);

	if (!re)
		return ND_ELIMIT;
	int ret = nd_regex_syntax_read(&re->syntax, pattern, why_buf, why_cap);
	if (ret == 0)
		ret = compile(re, pattern, why_buf, why_cap);
	if (ret < 0) {
		nd_regex_free(re);
		return ret;
	}
	nd_buf_clear(&re->syntax.pattern);
	*out = re;
	return 0;
}

void nd_regex_free(struct nd_regex *re)
{
	if (!re)
		return;
	pcre2_code_free(re->code);
	nd_regex_syntax_clear(&re->syntax);
	free(re);
}

size_t nd_regex_groups(const struct nd_regex *re)
{
	return re->syntax.groups;
}

const char *nd_regex_group_name(const struct nd_regex *re, size_t i)
{
	return i < re->syntax.groups ? re->syntax.names[i] : NULL;
}

static void *arena_malloc(PCRE2_SIZE n, void *arena)
{
	return nd_arena_alloc(arena, n);
}

static void arena_free(void *p, void *arena)
{
	(void)p;
	(void)arena;
}

static bool fill_scratch(struct nd_regex_scratch *s)
{
	s->memory = s->arena ? pcre2_general_context_create(arena_malloc, arena_free, s->arena)
			     : pcre2_general_context_create(NULL, NULL, NULL);
	if (!s->memory)
		return false;
	s->limits = pcre2_match_context_create(s->memory);
	s->found = pcre2_match_data_create(ND_REGEX_GROUPS, s->memory);
	if (!s->limits || !s->found)
		return false;
	pcre2_set_match_limit(s->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(s->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(s->limits, HEAP_LIMIT_KIB);
	return true;
}

struct nd_regex_scratch *nd_regex_scratch_new(void)
{
	struct nd_regex_scratch *s = calloc(1, sizeof *s);

	if (s && !fill_scratch(s)) {
		nd_regex_scratch_free(s);
		return NULL;
	}
	return s;
}

struct nd_regex_scratch *nd_regex_scratch_get(struct nd_regex_scratch **s)
{
	if (!*s)
		*s = nd_regex_scratch_new();
	return *s;
}

struct nd_regex_scratch *nd_regex_scratch_in(struct nd_arena *a)
{
	struct nd_regex_scratch *s = nd_arena_alloc(a, sizeof *s);

	if (!s)
		return NULL;
	s->arena = a;
	return fill_scratch(s) ? s : NULL;
}

void nd_regex_scratch_free(struct nd_regex_scratch *s)
{
	if (!s || s->arena)
		return;
	pcre2_match_data_free(s->found);
	pcre2_match_context_free(s->limits);
	pcre2_general_context_free(s->memory);
	free(s);
}

/* The length of the UTF-8 at the start. */
static size_t valid_length(const char *text, size_t n)
{
	size_t i = 0;
	uint32_t c;

	while (i < n) {
		size_t len = (unsigned char)text[i] < 0x80 ? 1 : nd_quote_rune(text + i, n - i, &c);
		if (len == 0)
			break;
		i += len;
	}
	return i;
}

/* In Go a byte that is not UTF-8 is a U+FFFD one byte wide. Builds that text, and in (*where)[i]
 * the offset in `text` of byte i of the result. NULL: too long, or out of memory. */
static char *make_valid(const char *text, size_t n, size_t *out_len, uint32_t **where)
{
	char *out = n <= TEXT_MAX_BYTES ? malloc(3 * n + 1) : NULL;
	uint32_t *at = n <= TEXT_MAX_BYTES ? malloc((3 * n + 1) * sizeof *at) : NULL;
	size_t len = 0;
	uint32_t c;

	if (!out || !at) {
		free(out);
		free(at);
		return NULL;
	}
	for (size_t i = 0; i < n;) {
		size_t step = nd_quote_rune(text + i, n - i, &c);
		const char *from = step ? text + i : "\xef\xbf\xbd";
		for (size_t k = 0; k < (step ? step : 3); k++) {
			at[len] = (uint32_t)(i + (step ? k : 0));
			out[len++] = from[k];
		}
		i += step ? step : 1;
	}
	at[len] = (uint32_t)n;
	*out_len = len;
	*where = at;
	return out;
}

static bool run(const struct nd_regex *re, struct nd_regex_scratch *s, const char *text, size_t n,
		struct nd_regex_match *out)
{
	int ret = pcre2_match(re->code, (PCRE2_SPTR)text, n, 0, PCRE2_NO_UTF_CHECK, s->found,
			      s->limits);
	if (ret == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter uses the heap */
		ret = pcre2_match(re->code, (PCRE2_SPTR)text, n, 0,
				  PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->found, s->limits);
	if (ret < 0)
		return false;
	if (!out)
		return true;
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->found);
	out->n = re->syntax.groups;
	for (size_t i = 0; i < out->n; i++) {
		bool set = i < (size_t)ret && at[2 * i] != PCRE2_UNSET;
		out->group[i].start = set ? at[2 * i] : SIZE_MAX;
		out->group[i].end = set ? at[2 * i + 1] : SIZE_MAX;
	}
	return true;
}

static bool run_on_invalid(const struct nd_regex *re, struct nd_regex_scratch *s, const char *text,
			   size_t n, struct nd_regex_match *out)
{
	uint32_t *where;
	char *valid = make_valid(text, n, &n, &where);

	if (!valid)
		return false;
	bool matched = run(re, s, valid, n, out);
	for (size_t i = 0; matched && out && i < out->n; i++) {
		if (out->group[i].start == SIZE_MAX)
			continue;
		out->group[i].start = where[out->group[i].start];
		out->group[i].end = where[out->group[i].end];
	}
	free(where);
	free(valid);
	return matched;
}

bool nd_regex_match(const struct nd_regex *re, struct nd_regex_scratch *s, const char *text,
		    size_t n, struct nd_regex_match *out)
{
	if (n == 0)
		text = "";
	if (ND_UNLIKELY(valid_length(text, n) < n))
		return run_on_invalid(re, s, text, n, out);
	return run(re, s, text, n, out);
}
