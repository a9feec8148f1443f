/* SPDX-License-Identifier: Apache-2.0 */
/* What texts match, and what they become: names in their text form, as CoreDNS compares them. */
#include <stdio.h>
#include <string.h>
#include "plugin/rewrite/rwtext.h"

static _Thread_local struct nd_regex_scratch *scratch;

struct out {
	char *text;
	size_t len;
	bool over;
};

static void put(struct out *o, const char *text, size_t n)
{
	if (o->over || n >= ND_RWRULE_TEXT_MAX - o->len) {
		o->over = true;
		return;
	}
	memcpy(o->text + o->len, text, n);
	o->len += n;
	o->text[o->len] = '\0';
}

static bool find(const struct nd_rwrule_match *m, const char *text, size_t n,
		 struct nd_regex_match *found)
{
	if (!scratch)
		scratch = nd_regex_scratch_new();
	return scratch && nd_regex_match(m->regex, scratch, text, n, found);
}

/* "{3}" at p: the group's number and the length of the placeholder; 0: none. Group numbers are
 * written without leading zeros. */
static size_t placeholder(const char *p, size_t groups, size_t *group)
{
	size_t n = 0, i = 1;

	if (p[0] != '{' || (p[1] == '0' && p[2] != '}'))
		return 0;
	while (p[i] >= '0' && p[i] <= '9' && i < 4)
		n = n * 10 + (size_t)(p[i++] - '0');
	if (i == 1 || p[i] != '}' || n >= groups)
		return 0;
	*group = n;
	return i + 1;
}

static void put_groups(struct out *o, const struct nd_rwrule_match *m, const char *text,
		       const struct nd_regex_match *found)
{
	size_t groups = nd_regex_groups(m->regex), group = 0;

	for (const char *p = m->to; *p;) {
		size_t n = placeholder(p, groups, &group);
		if (!n) {
			put(o, p++, 1);
			continue;
		}
		if (group < found->n && found->group[group].start != SIZE_MAX)
			put(o, text + found->group[group].start,
			    found->group[group].end - found->group[group].start);
		p += n;
	}
}

static void put_replaced(struct out *o, const struct nd_rwrule_match *m, const char *text)
{
	size_t from = strlen(m->from), to = strlen(m->to);
	const char *at;

	if (from == 0) { /* Go puts the new text before each character and at the end */
		for (; *text; text++) {
			put(o, m->to, to);
			put(o, text, 1);
		}
		put(o, m->to, to);
		return;
	}
	while ((at = strstr(text, m->from))) {
		put(o, text, (size_t)(at - text));
		put(o, m->to, to);
		text = at + from;
	}
	put(o, text, strlen(text));
}

bool nd_rwtext_matches(const struct nd_rwrule_match *m, const char *text, size_t n)
{
	size_t from = strlen(m->from);

	switch (m->how) {
	case ND_RW_EXACT: return from == n && memcmp(text, m->from, n) == 0;
	case ND_RW_PREFIX: return from <= n && memcmp(text, m->from, from) == 0;
	case ND_RW_SUFFIX: return from <= n && memcmp(text + n - from, m->from, from) == 0;
	case ND_RW_SUBSTRING: return strstr(text, m->from) != NULL;
	case ND_RW_REGEX: return find(m, text, n, NULL);
	}
	return false;
}

bool nd_rwtext_apply(const struct nd_rwrule_match *m, const char *text, size_t n,
		     char buf[ND_RWRULE_TEXT_MAX])
{
	struct out o = { .text = buf };
	struct nd_regex_match found;
	size_t from = strlen(m->from);

	buf[0] = '\0';
	if (m->how == ND_RW_REGEX) {
		if (!find(m, text, n, &found))
			return false;
		put_groups(&o, m, text, &found);
	} else if (!nd_rwtext_matches(m, text, n)) {
		return false;
	} else if (m->how == ND_RW_SUBSTRING) {
		put_replaced(&o, m, text);
	} else {
		if (m->how == ND_RW_SUFFIX)
			put(&o, text, n - from);
		put(&o, m->to, strlen(m->to));
		if (m->how == ND_RW_PREFIX)
			put(&o, text + from, n - from);
	}
	if (o.over) /* no name, whoever reads it */
		snprintf(buf, ND_RWRULE_TEXT_MAX, "..");
	return true;
}

void nd_rwtext_thread_end(void)
{
	nd_regex_scratch_free(scratch);
	scratch = NULL;
}
