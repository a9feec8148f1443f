/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/auto/autoname.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "text/regex.h"

struct nd_autoname {
	struct nd_regex *re;
	struct nd_regex_scratch *scratch;
	char *origin_template;
};

void nd_autoname_free(struct nd_autoname *a)
{
	if (!a)
		return;
	if (a->re)
		nd_regex_free(a->re);
	if (a->scratch)
		nd_regex_scratch_free(a->scratch);
	free(a->origin_template);
	free(a);
}

int nd_autoname_new(const char *pattern, const char *origin_template, struct nd_autoname **out,
		    char *why, size_t why_cap)
{
	struct nd_autoname *a = calloc(1, sizeof *a);
	int err = a ? nd_regex_new(pattern, &a->re, why, why_cap) : ND_ELIMIT;

	if (!err && nd_regex_groups(a->re) < 2) {
		snprintf(why, why_cap, "an expression with a group");
		err = ND_EFORMAT;
	}
	if (!err) {
		a->scratch = nd_regex_scratch_new();
		a->origin_template = strdup(origin_template);
		if (!a->scratch || !a->origin_template)
			err = ND_ELIMIT;
	}
	if (err) {
		nd_autoname_free(a);
		return err;
	}
	*out = a;
	return 0;
}

static bool is_word(char c)
{
	return nd_ascii_is_alnum(c) || c == '_';
}

/* The group that a name or number of n characters means; -1: none, which is empty in Go. */
static int group_of(const struct nd_autoname *a, const char *name, size_t n)
{
	int number = 0;
	size_t digits = 0;

	while (digits < n && nd_ascii_is_digit(name[digits]) && number < ND_REGEX_GROUPS)
		number = number * 10 + (name[digits++] - '0');
	if (digits == n)
		return number < ND_REGEX_GROUPS ? number : -1;
	for (size_t i = 1; i < nd_regex_groups(a->re); i++) {
		const char *group = nd_regex_group_name(a->re, i);
		if (group && strlen(group) == n && memcmp(group, name, n) == 0)
			return (int)i;
	}
	return -1;
}

/* Reads a reference after the "$" at p. Returns its end; NULL: it is not one, and "$" is literal. */
static const char *read_reference(const char *p, const char **name, size_t *n)
{
	bool brace = *p == '{';
	const char *from = p + brace, *end = from;

	while (is_word(*end))
		end++;
	if (end == from || (brace && *end != '}'))
		return NULL;
	*name = from;
	*n = (size_t)(end - from);
	return end + brace;
}

static void expand(const struct nd_autoname *a, const char *file, const struct nd_regex_match *m,
		   struct nd_buf *out)
{
	for (const char *p = a->origin_template; *p;) {
		const char *name, *end;
		size_t n;
		if (*p != '$') {
			nd_buf_add(out, p++, 1);
			continue;
		}
		if (p[1] == '$') {
			nd_buf_add(out, "$", 1);
			p += 2;
			continue;
		}
		end = read_reference(p + 1, &name, &n);
		if (!end) {
			nd_buf_add(out, p++, 1);
			continue;
		}
		int i = group_of(a, name, n);
		if (i >= 0 && (size_t)i < m->n && m->group[i].start != SIZE_MAX)
			nd_buf_add(out, file + m->group[i].start,
				   m->group[i].end - m->group[i].start);
		p = end;
	}
}

bool nd_autoname_origin(struct nd_autoname *a, const char *file, struct nd_name_buf *buf,
			struct nd_name *out)
{
	struct nd_regex_match m;
	struct nd_buf text;

	if (!nd_regex_match(a->re, a->scratch, file, strlen(file), &m))
		return false;
	nd_buf_init(&text, ND_NAME_TEXT_MAX);
	expand(a, file, &m, &text);
	bool good = !text.err && text.len && nd_name_parse(text.data, true, buf, out) == 0;
	nd_buf_clear(&text);
	return good;
}
