/* SPDX-License-Identifier: Apache-2.0 */
/* master_generate.c - $GENERATE START-STOP[/STEP] PATTERN: a record for each number.
 *
 * In the pattern "$" is the number, "${OFFSET[,WIDTH[,BASE]]}" the number plus OFFSET with at least
 * WIDTH digits in BASE d, o, x or X; "$$" and "\$" are a dollar sign. As in miekg/dns, the TTL of
 * records that state none is 3600. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/ascii.h"
#include "base/err.h"
#include "zone/master_parts.h"

static int fail(struct nd_master *m, const char *what, const char *word, size_t n, const char *cure)
{
	return nd_master_fail(m, ND_EFORMAT, what, word, n, cure);
}

/* A decimal number of at most 10 digits at *at. */
static bool read_number(const char *text, size_t n, size_t *at, int64_t *out)
{
	size_t from = *at;
	int64_t v = 0;

	while (*at < n && *at - from < 10 && nd_ascii_is_digit(text[*at]))
		v = v * 10 + (text[(*at)++] - '0');
	*out = v;
	return *at > from;
}

static bool read_range(struct nd_master_generate *g, const char *text, size_t n)
{
	size_t at = 0;

	g->step = 1;
	if (!read_number(text, n, &at, &g->start) || at == n || text[at++] != '-' ||
	    !read_number(text, n, &at, &g->end))
		return false;
	if (at < n && (text[at++] != '/' || !read_number(text, n, &at, &g->step)))
		return false;
	return at == n && g->step > 0 && g->end >= g->start &&
	       (g->end - g->start) / g->step < ND_MASTER_GENERATE_MAX;
}

int nd_master_generate_begin(struct nd_master *m, struct nd_text_word range, const char *pattern,
			     size_t n)
{
	struct nd_master_generate *g = &m->gen;

	if (!read_range(g, range.at, range.n))
		return nd_master_fail(m, ND_EFORMAT, "invalid range", range.at, range.n,
				      "must be START-STOP or START-STOP/STEP, at most 65536 records");
	g->pattern = malloc(n + 1);
	g->line = malloc(ND_MASTER_LINE_MAX);
	if (!g->pattern || !g->line) {
		nd_master_generate_end(m);
		return nd_master_fail(m, -ENOMEM, "out of memory", NULL, 0, NULL);
	}
	memcpy(g->pattern, pattern, n);
	g->pattern[n] = '\0';
	g->pattern_len = n;
	g->now = g->start;
	g->on = true;
	return 0;
}

void nd_master_generate_end(struct nd_master *m)
{
	free(m->gen.pattern);
	free(m->gen.line);
	m->gen = (struct nd_master_generate){ .on = false };
}

struct modifier {
	int64_t offset;
	int width;
	char base;
};

/* "OFFSET[,WIDTH[,BASE]]" of n characters. */
static bool read_modifier(const char *text, size_t n, struct modifier *mod)
{
	bool minus = n && text[0] == '-';
	size_t at = minus;
	int64_t width = 0;

	*mod = (struct modifier){ .base = 'd' };
	if (!read_number(text, n, &at, &mod->offset))
		return false;
	if (minus)
		mod->offset = -mod->offset;
	if (at < n && (text[at++] != ',' || !read_number(text, n, &at, &width) || width > 255))
		return false;
	if (at < n && (text[at++] != ',' || at + 1 != n || !strchr("doxX", mod->base = text[at++])))
		return false;
	mod->width = (int)width;
	return at == n;
}

static bool put(struct nd_master_generate *g, const char *text, size_t n)
{
	if (n > ND_MASTER_LINE_MAX - g->line_len)
		return false;
	memcpy(g->line + g->line_len, text, n);
	g->line_len += n;
	return true;
}

static bool put_number(struct nd_master_generate *g, struct modifier mod)
{
	char text[300];
	uint64_t v = (uint64_t)(g->now + mod.offset);
	int n;

	switch (mod.base) {
	case 'o': n = snprintf(text, sizeof text, "%0*" PRIo64, mod.width, v); break;
	case 'x': n = snprintf(text, sizeof text, "%0*" PRIx64, mod.width, v); break;
	case 'X': n = snprintf(text, sizeof text, "%0*" PRIX64, mod.width, v); break;
	default: n = snprintf(text, sizeof text, "%0*" PRIu64, mod.width, v); break;
	}
	return put(g, text, (size_t)n);
}

/* Writes what a "$" at pattern[*at] means, and moves *at after it. Returns 0 or an error. */
static int expand_dollar(struct nd_master *m, size_t *at)
{
	struct nd_master_generate *g = &m->gen;
	const char *p = g->pattern + *at + 1, *close;
	struct modifier mod = { .base = 'd' };

	*at += 1;
	if (*p == '$') {
		*at += 1;
		return put(g, "$", 1) ? 0 : ND_ELIMIT;
	}
	if (*p == '{') {
		close = memchr(p, '}', g->pattern_len - *at);
		if (!close || !read_modifier(p + 1, (size_t)(close - p) - 1, &mod))
			return fail(m, "invalid modifier", p, close ? (size_t)(close - p) + 1 : 1,
				    "must be ${OFFSET}, ${OFFSET,WIDTH} or ${OFFSET,WIDTH,BASE} with "
				    "base d, o, x or X");
		if (g->start + mod.offset < 0 || g->end + mod.offset > INT32_MAX)
			return fail(m, "invalid offset", p, (size_t)(close - p) + 1,
				    "all numbers must be 0 to 2147483647");
		*at += (size_t)(close - p) + 1;
	}
	return put_number(g, mod) ? 0 : ND_ELIMIT;
}

int nd_master_generate_next(struct nd_master *m)
{
	struct nd_master_generate *g = &m->gen;
	int err = 0;

	if (g->now > g->end) {
		nd_master_generate_end(m);
		return 0;
	}
	g->line_len = 0;
	for (size_t at = 0; at < g->pattern_len && !err;) {
		const char *p = g->pattern + at;
		bool escape = *p == '\\' && at + 1 < g->pattern_len;
		if (*p == '$') {
			err = expand_dollar(m, &at);
			continue;
		}
		if (escape && p[1] == '$')
			err = put(g, "$", 1) ? 0 : ND_ELIMIT;
		else
			err = put(g, p, escape ? 2 : 1) ? 0 : ND_ELIMIT;
		at += escape ? 2 : 1;
	}
	if (err == ND_ELIMIT)
		return fail(m, "generated record over 64 KiB", NULL, 0, NULL);
	if (err)
		return err;
	g->now += g->step;
	return 1;
}
