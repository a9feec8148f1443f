/* SPDX-License-Identifier: Apache-2.0 */
/* Matches and replaces names in text form, as CoreDNS does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/ascii.h"
#include "core/offer.h"
#include "plugin/rewrite/rwtext.h"

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

static bool find(const struct nd_rwrule_match *m, const struct nd_query *q, const char *text,
		 size_t n, struct nd_regex_match *found)
{
	struct nd_rwtext_worker *mine = nd_query_worker_state(q);
	struct nd_regex_scratch *scratch = nd_regex_scratch_get(&mine->scratch);

	return scratch && nd_regex_match(m->regex, scratch, text, n, found);
}

/* "{3}" at p: the group's number and the length of the placeholder; 0: none. Group numbers are
 * written without leading zeros. */
static size_t placeholder(const char *p, size_t groups, size_t *group)
{
	size_t n = 0, i = 1;

	if (p[0] != '{' || (p[1] == '0' && p[2] != '}'))
		return 0;
	while (nd_ascii_is_digit(p[i]) && i < 4)
		n = n * 10 + (size_t)(p[i++] - '0');
	if (i == 1 || p[i] != '}' || n >= groups)
		return 0;
	*group = n;
	return i + 1;
}

/* The replacement of a `metadata` rule: a number in braces is a group, anything else a metadata
 * label, in lower case, at any position. False: a label without a value. The braces were checked
 * when the rule was read. */
static bool put_labels(struct out *o, const struct nd_rwrule_match *m, struct nd_query *q,
		       const char *text, const struct nd_regex_match *found)
{
	for (const char *p = m->to; *p;) {
		char label[ND_RWRULE_TEXT_MAX], value[ND_OFFER_LABEL_MAX];
		const char *end = *p == '{' ? strchr(p, '}') : NULL;
		if (!end) {
			put(o, p++, 1);
			continue;
		}
		size_t len = (size_t)(end - p) - 1;
		snprintf(label, sizeof label, "%.*s", (int)len, p + 1);
		p = end + 1;
		if (label[strspn(label, "0123456789")] == '\0') {
			size_t g = strtoul(label, NULL, 10);
			if (g < found->n && found->group[g].start != SIZE_MAX)
				put(o, text + found->group[g].start,
				    found->group[g].end - found->group[g].start);
			continue;
		}
		int n = nd_offer_label(q, label, value, sizeof value);
		if (n <= 0)
			return false;
		for (int i = 0; i < n; i++)
			value[i] = nd_ascii_lower(value[i]);
		put(o, value, (size_t)n);
	}
	return true;
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

	if (from == 0) { /* Go inserts the new text before each character and at the end */
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

bool nd_rwtext_matches(const struct nd_rwrule_match *m, const struct nd_query *q, const char *text,
		       size_t n)
{
	size_t from = strlen(m->from);

	switch (m->how) {
	case ND_RW_EXACT: return from == n && memcmp(text, m->from, n) == 0;
	case ND_RW_PREFIX: return from <= n && memcmp(text, m->from, from) == 0;
	case ND_RW_SUFFIX: return from <= n && memcmp(text + n - from, m->from, from) == 0;
	case ND_RW_SUBSTRING: return strstr(text, m->from) != NULL;
	case ND_RW_REGEX: return find(m, q, text, n, NULL);
	}
	return false;
}

bool nd_rwtext_apply_labels(const struct nd_rwrule_match *m, struct nd_query *q, const char *text,
			    size_t n, char buf[ND_RWRULE_TEXT_MAX])
{
	struct out o = { .text = buf };
	struct nd_regex_match found;

	buf[0] = '\0';
	if (!find(m, q, text, n, &found) || !put_labels(&o, m, q, text, &found))
		return false;
	if (o.over)
		snprintf(buf, ND_RWRULE_TEXT_MAX, "..");
	return true;
}

bool nd_rwtext_apply(const struct nd_rwrule_match *m, const struct nd_query *q, const char *text,
		     size_t n, char buf[ND_RWRULE_TEXT_MAX])
{
	struct out o = { .text = buf };
	struct nd_regex_match found;
	size_t from = strlen(m->from);

	buf[0] = '\0';
	if (m->how == ND_RW_REGEX) {
		if (!find(m, q, text, n, &found))
			return false;
		put_groups(&o, m, text, &found);
	} else if (!nd_rwtext_matches(m, q, text, n)) {
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
	if (o.over) /* not a valid name */
		snprintf(buf, ND_RWRULE_TEXT_MAX, "..");
	return true;
}
