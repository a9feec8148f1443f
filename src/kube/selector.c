/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/selector.h"

#include <string.h>
#include "base/ascii.h"
#include "base/err.h"

struct scan {
	const char *at;
	struct nd_arena *arena;
	const char *why;
};

static int fail(struct scan *s, const char *why)
{
	s->why = why;
	return ND_EFORMAT;
}

static void skip_space(struct scan *s)
{
	s->at += strspn(s->at, " \t\r\n");
}

static bool take(struct scan *s, const char *mark)
{
	size_t n = strlen(mark);

	skip_space(s);
	if (strncmp(s->at, mark, n) != 0)
		return false;
	s->at += n;
	return true;
}

static size_t word_len(const char *at)
{
	return strcspn(at, " \t\r\n,()=!<>");
}

/* The name part of a key, or a value: 1 to 63 letters, digits, "-", "_" and "."; a letter or digit
 * at both ends. */
static bool is_label(const char *text, size_t n)
{
	if (n == 0 || n > 63 || !nd_ascii_is_alnum(text[0]) || !nd_ascii_is_alnum(text[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!nd_ascii_is_alnum(text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

/* The prefix of a key, before its slash: a DNS subdomain. */
static bool is_prefix(const char *text, size_t n)
{
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool edge = i == 0 || i + 1 == n || text[i - 1] == '.' || text[i + 1] == '.';
		bool low = nd_ascii_is_alnum(text[i]) && nd_ascii_lower(text[i]) == text[i];
		if (!low && (edge || (text[i] != '-' && text[i] != '.')))
			return false;
	}
	return true;
}

static int read_key(struct scan *s, const char **out)
{
	skip_space(s);
	size_t n = word_len(s->at);
	const char *slash = memchr(s->at, '/', n);
	const char *name = slash ? slash + 1 : s->at;

	if (n == 0)
		return fail(s, "a label key is missing");
	if ((slash && !is_prefix(s->at, (size_t)(slash - s->at))) ||
	    !is_label(name, (size_t)(s->at + n - name)))
		return fail(s, "invalid label key");
	*out = nd_arena_text(s->arena, s->at, n);
	s->at += n;
	return *out ? 0 : ND_ELIMIT;
}

static int add_value(struct scan *s, struct nd_selector_part *p)
{
	skip_space(s);
	size_t n = word_len(s->at);

	if (n && !is_label(s->at, n))
		return fail(s, "invalid label value");
	const char **grown = nd_arena_array(s->arena, p->nvalues + 1, sizeof *grown);
	char *value = nd_arena_text(s->arena, s->at, n);
	if (!grown || !value)
		return ND_ELIMIT;
	if (p->nvalues)
		memcpy(grown, p->values, p->nvalues * sizeof *grown);
	grown[p->nvalues++] = value;
	p->values = grown;
	s->at += n;
	return 0;
}

static int read_set(struct scan *s, struct nd_selector_part *p)
{
	int err;

	if (!take(s, "("))
		return fail(s, "\"in\" and \"notin\" require values in parentheses");
	do {
		err = add_value(s, p);
		if (err)
			return err;
	} while (take(s, ","));
	return take(s, ")") ? 0 : fail(s, "missing \")\"");
}

static bool take_word(struct scan *s, const char *word)
{
	skip_space(s);
	size_t n = strlen(word);
	if (word_len(s->at) != n || strncmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

static int read_part(struct scan *s, struct nd_selector_part *p)
{
	bool without = take(s, "!");
	int err = read_key(s, &p->key);

	if (err)
		return err;
	skip_space(s);
	if (without || !*s->at || *s->at == ',') {
		p->negated = without;
		p->any = true;
		return 0;
	}
	if (take(s, "!=")) {
		p->negated = true;
		return add_value(s, p);
	}
	if (take(s, "==") || take(s, "="))
		return add_value(s, p);
	p->negated = take_word(s, "notin");
	if (p->negated || take_word(s, "in"))
		return read_set(s, p);
	return fail(s, "expected =, ==, !=, in, notin or a comma after the key");
}

int nd_selector_parse(const char *text, struct nd_arena *a, struct nd_selector *out,
		      const char **why)
{
	struct scan s = { .at = text, .arena = a, .why = "out of memory" };
	struct nd_selector made = { 0 };
	struct nd_selector_part **end = &made.first;
	int err = 0;

	skip_space(&s);
	while (!err && *s.at) {
		*end = nd_arena_alloc(a, sizeof **end);
		err = *end ? read_part(&s, *end) : ND_ELIMIT;
		if (err)
			break;
		end = &(*end)->next;
		skip_space(&s);
		if (*s.at && !take(&s, ","))
			err = fail(&s, "requirements must be separated by commas");
		else if (s.at > text && s.at[-1] == ',' && (skip_space(&s), !*s.at))
			err = fail(&s, "a requirement is missing after the comma");
	}
	if (err)
		*why = s.why;
	else
		*out = made;
	return err;
}

static bool matches_part(const struct nd_selector_part *p, const struct nd_object *o)
{
	for (size_t i = 0; i < o->nlabels; i++) {
		if (strcmp(o->labels[i].key, p->key) != 0)
			continue;
		if (p->any)
			return !p->negated;
		for (size_t v = 0; v < p->nvalues; v++)
			if (strcmp(p->values[v], o->labels[i].value) == 0)
				return !p->negated;
		return p->negated;
	}
	return p->negated; /* no such label: !=, notin and !key match */
}

bool nd_selector_matches(const struct nd_selector *s, const struct nd_object *o)
{
	for (const struct nd_selector_part *p = s->first; p; p = p->next)
		if (!matches_part(p, o))
			return false;
	return true;
}
