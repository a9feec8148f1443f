/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a `rewrite` line. Accepts and refuses what CoreDNS does. */
#include "plugin/rewrite/rwrule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/ascii.h"
#include "base/invalid.h"
#include "plugin/rewrite/rwedns.h"
#include "wire/type.h"

enum { WORDS_MAX = 64 };

static const char *const how_words[] = { "exact", "prefix", "suffix", "substring", "regex" };

static int read_how(const char *word)
{
	for (size_t i = 0; i < ND_COUNT(how_words); i++)
		if (strcasecmp(word, how_words[i]) == 0)
			return (int)i;
	return -1;
}

static int refuse_match_type(struct nd_setup *s, const char *word)
{
	return nd_setup_invalid(s, NULL, "match type", word,
				"exact, prefix, suffix, substring or regex");
}

static char *lower(struct nd_arena *a, const char *text)
{
	char *copy = nd_arena_string(a, text);

	for (char *p = copy; p && *p; p++)
		*p = nd_ascii_lower(*p);
	return copy;
}

/* True if the text ends in a dot that is not escaped (miekg/dns IsFqdn). */
static bool is_whole(const char *text)
{
	size_t n = strlen(text), slashes = 0;

	if (n == 0 || text[n - 1] != '.')
		return false;
	while (slashes + 1 < n && text[n - 2 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

/* CoreDNS's Name.Normalize: lower case, with the final dot. */
static const char *normal(struct nd_arena *a, const char *text)
{
	char *copy = lower(a, text);

	return !copy || is_whole(copy) ? copy : nd_arena_printf(a, "%s.", copy);
}

/* As normal(), but keeps the case of names of metadata labels, in braces. */
static const char *normal_labels(struct nd_arena *a, const char *text)
{
	char *copy = nd_arena_printf(a, "%s%s", text, is_whole(text) ? "" : ".");
	bool inside = false;

	for (char *p = copy; p && *p; p++) {
		inside = *p == '{' || (inside && *p != '}');
		if (!inside)
			*p = nd_ascii_lower(*p);
	}
	return copy;
}

static int compile(struct nd_setup *s, const char *pattern, struct nd_regex **out)
{
	char why[256];

	if (strlen(pattern) > ND_REGEX_PATTERN_MAX)
		return nd_setup_error(s, NULL, "the pattern is longer than %d bytes",
				      ND_REGEX_PATTERN_MAX);
	if (nd_regex_new(pattern, out, why, sizeof why))
		return nd_setup_error(s, NULL, "invalid pattern \"%s\": %s", pattern, why);
	return 0;
}

/* The number of different "{0}" .. "{100}" in the text. */
static size_t groups_used(const char *text)
{
	char word[8];
	size_t used = 0;

	for (int i = 0; i <= 100; i++) {
		snprintf(word, sizeof word, "{%d}", i);
		used += strstr(text, word) != NULL;
	}
	return used;
}

static int compile_pair(struct nd_setup *s, const char *from, const char *to, struct nd_regex **out)
{
	int err = compile(s, from, out);

	if (!err && groups_used(to) > nd_regex_groups(*out) - 1)
		err = nd_setup_error(s, NULL, "\"%s\" uses more groups than the pattern \"%s\" has",
				     to, from);
	return err;
}

/* --- name rules --- */

static int read_answers(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n)
{
	bool names = false, first = true;

	if (n < 2)
		return nd_setup_error(s, NULL,
				      "name: only answer auto, answer name FROM TO or answer "
				      "value FROM TO may follow");
	r->answers = nd_arena_array(s->arena, n, sizeof *r->answers);
	if (!r->answers)
		return ND_ELIMIT;
	for (size_t i = 0; i < n; first = false) {
		bool said = strcmp(w[i], "answer") == 0;
		if (first && !said)
			return nd_setup_error(s, NULL,
					      "name: unexpected \"%s\": only answer may follow",
					      w[i]);
		i += said;
		if (i == n)
			return nd_setup_error(s, NULL, "name: answer takes auto, name or value");
		if (strcmp(w[i], "auto") == 0) {
			r->automatic = true;
			i++;
			continue;
		}
		bool value = strcmp(w[i], "value") == 0;
		if (!value && strcmp(w[i], "name") != 0)
			return nd_setup_invalid(s, NULL, "answer type", w[i],
						"auto, name or value");
		if (n - i < 3)
			return nd_setup_error(s, NULL, "name: answer %s takes FROM TO", w[i]);
		names = names || !value;
		struct nd_rwrule_answer *a = &r->answers[r->nanswers++];
		a->value = value;
		a->match.how = ND_RW_REGEX;
		a->match.from = nd_arena_string(s->arena, w[i + 1]);
		a->match.to = normal(s->arena, w[i + 2]);
		int err = compile_pair(s, w[i + 1], w[i + 2], &a->match.regex);
		if (err)
			return err;
		i += 3;
	}
	if (r->automatic && names)
		return nd_setup_error(s, NULL,
				      "name: answer auto and answer name cannot be combined");
	return 0;
}

/* Checks the replacement of a `metadata` rule: groups and labels in braces. */
static int check_labels(struct nd_rwrule *r, struct nd_setup *s)
{
	size_t groups = nd_regex_groups(r->match.regex);

	for (const char *p = r->match.to; *p; p++) {
		size_t n = strcspn(p, "{}"), digits;
		p += n;
		if (!*p)
			return 0;
		const char *end = *p == '{' ? strchr(p, '}') : NULL;
		if (!end)
			return nd_setup_error(s, NULL, "name: unmatched brace in \"%s\"",
					      r->match.to);
		size_t len = (size_t)(end - p) - 1;
		digits = strspn(p + 1, "0123456789");
		const char *slash = memchr(p + 1, '/', len);
		if (digits && digits == len) {
			uint64_t group = UINT64_MAX;
			char text[24];
			snprintf(text, sizeof text, "%.*s", (int)(len < 20 ? len : 20), p + 1);
			if (nd_settings_uint(text, groups - 1, &group))
				return nd_setup_error(s, NULL,
						      "name: the pattern has no group {%s}", text);
		} else if (!slash || slash == p + 1 || slash + 1 == end ||
			   memchr(p + 1, '{', len)) {
			char text[ND_INVALID_TEXT_MAX];
			snprintf(text, sizeof text, "%.*s", (int)len, p + 1);
			return nd_setup_invalid(s, NULL, "metadata label", text,
						"like PLUGIN/NAME");
		} else {
			r->by_label = true;
		}
		p = end;
	}
	return 0;
}

static int read_name(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n)
{
	struct nd_rwrule_match *m = &r->match;
	size_t answer = 3;
	struct nd_regex *unused = NULL;

	if (n < 2)
		return nd_setup_error(s, NULL,
				      "name takes [exact|prefix|suffix|substring|regex] FROM TO");
	int how = n == 2 ? ND_RW_EXACT : read_how(w[0]);
	if (how < 0)
		return refuse_match_type(s, w[0]);
	const char *from = n == 2 ? w[0] : w[1], *to = n == 2 ? w[1] : w[2];
	bool metadata = n > 3 && strcmp(w[3], "metadata") == 0;
	if (metadata && how != ND_RW_REGEX)
		return nd_setup_error(s, NULL, "name: metadata needs a regex rule");
	m->how = (enum nd_rwrule_how)how;
	m->from = how == ND_RW_REGEX ? nd_arena_string(s->arena, from) : normal(s->arena, from);
	m->to = metadata ? normal_labels(s->arena, to) : normal(s->arena, to);
	if (!m->from || !m->to)
		return ND_ELIMIT;
	answer += metadata;
	int err = n > answer ? read_answers(r, s, w + answer, n - answer) : 0;
	if (err)
		return err;
	if (how == ND_RW_EXACT) {
		err = compile_pair(s, m->to, m->from, &unused);
		nd_regex_free(unused);
		r->automatic = true;
	} else if (metadata) {
		err = compile(s, from, &m->regex);
		if (!err)
			err = check_labels(r, s);
	} else if (how == ND_RW_REGEX) {
		err = compile_pair(s, from, to, &m->regex);
	}
	return err;
}

/* --- other rules --- */

/* Reads [HOW] NAME, the first words of n, the last `rest` of which are something else. */
static int read_selector(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n,
			 size_t rest)
{
	struct nd_rwrule_match *m = &r->match;
	int how = n == rest + 1 ? ND_RW_EXACT : read_how(w[0]);
	const char *name = w[n - rest - 1];

	if (how < 0)
		return refuse_match_type(s, w[0]);
	m->how = (enum nd_rwrule_how)how;
	m->from = how == ND_RW_REGEX ? nd_arena_string(s->arena, name) : normal(s->arena, name);
	if (!m->from)
		return ND_ELIMIT;
	return how == ND_RW_REGEX ? compile(s, name, &m->regex) : 0;
}

static int read_ttl(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n)
{
	char low[16] = "";
	uint64_t min = 0, max = INT32_MAX;

	if (n != 2 && n != 3)
		return nd_setup_error(s, NULL,
				      "ttl takes [exact|prefix|suffix|substring|regex] NAME TTL");
	const char *text = w[n - 1], *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	if (len < sizeof low)
		memcpy(low, text, len);
	bool bad = len >= sizeof low || (len == 0 && (!dash || !dash[1])) ||
		   (len && nd_settings_uint(low, UINT32_MAX, &min)) ||
		   (dash && dash[1] && nd_settings_uint(dash + 1, UINT32_MAX, &max));
	if (!dash)
		max = min;
	if (bad || min > max)
		return nd_setup_invalid(s, NULL, "TTL", text,
					"seconds or a range like 30-300, 30- or -300");
	r->ttl_min = (uint32_t)min;
	r->ttl_max = (uint32_t)max;
	return read_selector(r, s, w, n, 1);
}

static bool read_rcode_word(const char *word, uint16_t *out)
{
	uint64_t number;

	if (nd_settings_uint(word, 23, &number) == 0) {
		*out = (uint16_t)number;
		return true;
	}
	int rcode = nd_type_rcode_parse(word, strlen(word));
	*out = (uint16_t)rcode;
	return rcode >= 0;
}

static int read_rcode(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n)
{
	if (n != 3 && n != 4)
		return nd_setup_error(
			s, NULL, "rcode takes [exact|prefix|suffix|substring|regex] NAME FROM TO");
	for (size_t i = n - 2; i < n; i++)
		if (!read_rcode_word(w[i], i == n - 1 ? &r->to : &r->from))
			return nd_setup_invalid(s, NULL, "response code", w[i], "like NXDOMAIN");
	return read_selector(r, s, w, n, 2);
}

static int read_cname(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n)
{
	struct nd_rwrule_match *m = &r->match;
	int how = n == 2 ? ND_RW_EXACT : n == 3 ? read_how(w[0]) : -1;

	if (how < 0)
		return nd_setup_error(s, NULL,
				      "cname takes [exact|prefix|suffix|substring|regex] FROM TO");
	m->how = (enum nd_rwrule_how)how;
	m->from = how == ND_RW_EXACT ? normal(s->arena, w[n - 2]) : lower(s->arena, w[n - 2]);
	m->to = how == ND_RW_EXACT ? normal(s->arena, w[n - 1]) : lower(s->arena, w[n - 1]);
	if (!m->from || !m->to)
		return ND_ELIMIT;
	return how == ND_RW_REGEX ? compile(s, m->from, &m->regex) : 0;
}

static int read_number(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n)
{
	bool type = r->kind == ND_RW_TYPE;

	if (n != 2)
		return nd_setup_error(s, NULL, "%s takes FROM TO", type ? "type" : "class");
	for (size_t i = 0; i < 2; i++) {
		int v = type ? nd_type_parse(w[i], strlen(w[i]))
			     : nd_type_class_parse(w[i], strlen(w[i]));
		/* CoreDNS does not accept TYPE123 here. */
		if (v < 0 || strpbrk(w[i], "0123456789") == w[i] + (type ? 4 : 5))
			return nd_setup_invalid(s, NULL, type ? "type" : "class", w[i], "like %s",
						type ? "AAAA" : "CH");
		*(i ? &r->to : &r->from) = (uint16_t)v;
	}
	return 0;
}

static const struct {
	const char *word;
	int (*read)(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n);
} kinds[] = {
	[ND_RW_NAME] = { "name", read_name },       [ND_RW_CLASS] = { "class", read_number },
	[ND_RW_TYPE] = { "type", read_number },     [ND_RW_TTL] = { "ttl", read_ttl },
	[ND_RW_RCODE] = { "rcode", read_rcode },    [ND_RW_CNAME] = { "cname", read_cname },
	[ND_RW_EDNS] = { "edns0", nd_rwedns_read },
};

/* Collects the words of the line, and those of its block if the line has fewer than two. */
static int gather(struct nd_setup *s, const char **w, size_t *n)
{
	const struct nd_conf_line *d = s->directive;

	if (d->nargs >= 2 && d->has_block)
		return nd_setup_error(s, NULL,
				      "unexpected \"{\": a rule is one line, or in a block");
	for (size_t i = 0; i < d->nargs && *n < WORDS_MAX; i++)
		w[(*n)++] = d->args[i];
	for (size_t l = 0; l < d->nblock; l++) {
		if (*n < WORDS_MAX)
			w[(*n)++] = d->block[l].name;
		for (size_t i = 0; i < d->block[l].nargs && *n < WORDS_MAX; i++)
			w[(*n)++] = d->block[l].args[i];
	}
	return *n == WORDS_MAX
		       ? nd_setup_error(s, NULL, "a rule must have fewer than %d words", WORDS_MAX)
		       : 0;
}

int nd_rwrule_read(struct nd_rwrule *r, struct nd_setup *s)
{
	const char *w[WORDS_MAX];
	size_t n = 0, at = 0;
	int err = gather(s, w, &n);

	if (err)
		return err;
	if (n && (strcasecmp(w[0], "continue") == 0 || strcasecmp(w[0], "stop") == 0)) {
		r->continues = strcasecmp(w[0], "continue") == 0;
		at = 1;
	}
	for (size_t i = 0; at < n && i < ND_COUNT(kinds); i++) {
		if (strcasecmp(w[at], kinds[i].word) != 0)
			continue;
		r->kind = (enum nd_rwrule_kind)i;
		return kinds[i].read(r, s, w + at + 1, n - at - 1);
	}
	return nd_setup_invalid(s, NULL, "rule type", at < n ? w[at] : "",
				"class, cname, edns0, name, rcode, ttl or type");
}

void nd_rwrule_clear(struct nd_rwrule *r)
{
	nd_regex_free(r->match.regex);
	r->match.regex = NULL;
	for (size_t i = 0; i < r->nanswers; i++)
		nd_regex_free(r->answers[i].match.regex);
	r->nanswers = 0;
}
