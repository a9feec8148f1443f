/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/resolvconf/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/invalid.h"

static const char blanks[] = " \t\r";

/* resolv.conf(5), including the newer `trust-ad`, `no-aaaa` and `no-reload`. */
static const struct {
	const char *name;
	unsigned min, max; /* max 0: takes no value */
} options[] = {
	{ "attempts", 1, 5 },       { "edns0", 0, 0 },        { "inet6", 0, 0 },
	{ "ndots", 0, 15 },         { "no-aaaa", 0, 0 },      { "no-check-names", 0, 0 },
	{ "no-reload", 0, 0 },      { "no-tld-query", 0, 0 }, { "rotate", 0, 0 },
	{ "single-request", 0, 0 }, { "timeout", 1, 30 },     { "single-request-reopen", 0, 0 },
	{ "trust-ad", 0, 0 },       { "use-vc", 0, 0 },
};

static int find(const char *option)
{
	size_t n = strcspn(option, ":");

	for (size_t i = 0; i < ND_COUNT(options); i++)
		if (strlen(options[i].name) == n && memcmp(options[i].name, option, n) == 0)
			return (int)i;
	return -1;
}

int nd_edit_check_name(const char *option, char why[ND_EDIT_WHY])
{
	if (find(option) >= 0 && strlen(option) < ND_EDIT_WORD &&
	    option[strcspn(option, blanks)] == '\0' && !strchr(option, '\n'))
		return 0;
	nd_invalid_format(why, ND_EDIT_WHY, "option", option, "an option of resolv.conf(5)");
	return ND_EFORMAT;
}

int nd_edit_check(const char *option, char why[ND_EDIT_WHY])
{
	int at = find(option);

	if (at < 0)
		return nd_edit_check_name(option, why);
	const char *value = option + strlen(options[at].name);
	if (options[at].max == 0) {
		if (*value == '\0')
			return 0;
		snprintf(why, ND_EDIT_WHY, "option %s takes no value", options[at].name);
		return ND_EFORMAT;
	}
	value += *value == ':';
	size_t digits = strspn(value, "0123456789");
	unsigned long v = strtoul(value, NULL, 10);
	if (digits > 0 && digits < 4 && !value[digits] && v >= options[at].min &&
	    v <= options[at].max)
		return 0;
	char must[80];
	snprintf(must, sizeof must, "%s:N with N from %u to %u", options[at].name, options[at].min,
		 options[at].max);
	nd_invalid_format(why, ND_EDIT_WHY, "option", option, must);
	return ND_EFORMAT;
}

static size_t line_length(const char *text)
{
	size_t n = strcspn(text, "\n");

	return n + (text[n] == '\n');
}

/* The offset of the words of an `options` line; 0 if it is another line. */
static size_t options_at(const char *line, size_t n)
{
	size_t at = 0;

	while (at < n && strchr(blanks, line[at]))
		at++;
	if (n - at < 7 || memcmp(line + at, "options", 7) != 0)
		return 0;
	at += 7;
	return at == n || strchr(" \t\r\n", line[at]) ? at : 0;
}

/* The next word of line[*at, n), with its length in *len. NULL at the end. */
static const char *next_word(const char *line, size_t n, size_t *at, size_t *len)
{
	while (*at < n && strchr(" \t\r\n", line[*at]))
		(*at)++;
	const char *word = line + *at;
	while (*at < n && !strchr(" \t\r\n", line[*at]))
		(*at)++;
	*len = (size_t)(line + *at - word);
	return *len ? word : NULL;
}

void nd_edit_each(const char *text, void (*fn)(void *ctx, const char *word, size_t n), void *ctx)
{
	for (size_t n; *text; text += n) {
		n = line_length(text);
		size_t at = options_at(text, n), len;
		const char *word;
		while (at && (word = next_word(text, n, &at, &len)))
			fn(ctx, word, len);
	}
}

/* Whether the word is `option`, or has its name if `option` has no value. */
static bool matches(const char *word, size_t len, const char *option)
{
	size_t n = strlen(option);

	if (len < n || memcmp(word, option, n) != 0)
		return false;
	return len == n || (word[n] == ':' && !strchr(option, ':'));
}

/* Copies an options line without the words that match `option`; drops it if no word is left. */
static void copy_without(const char *line, size_t n, size_t at, const char *option,
			 struct nd_buf *out)
{
	size_t print_match = at, len, kept = 0, dropped = 0;
	const char *word;

	while ((word = next_word(line, n, &print_match, &len)))
		*(matches(word, len, option) ? &dropped : &kept) += 1;
	if (!dropped) {
		nd_buf_add(out, line, n);
		return;
	}
	if (!kept)
		return;
	nd_buf_add(out, line, at);
	while ((word = next_word(line, n, &at, &len))) {
		if (!matches(word, len, option)) {
			nd_buf_text(out, " ");
			nd_buf_add(out, word, len);
		}
	}
	nd_buf_text(out, "\n");
}

int nd_edit_remove(const char *text, const char *option, struct nd_buf *out)
{
	for (size_t n; *text; text += n) {
		n = line_length(text);
		size_t at = options_at(text, n);
		if (at)
			copy_without(text, n, at, option, out);
		else
			nd_buf_add(out, text, n);
	}
	return out->err;
}

struct count {
	const char *option, *name;
	unsigned same, others; /* the word itself; others of its name */
};

static void count(void *ctx, const char *word, size_t n)
{
	struct count *c = ctx;

	if (matches(word, n, c->option) && n == strlen(c->option))
		c->same++;
	else if (matches(word, n, c->name))
		c->others++;
}

/* Appends it after the last word of the last options line. */
static void append(const char *text, const char *option, struct nd_buf *out)
{
	const char *last = NULL, *end = text + strlen(text);

	for (const char *p = text; *p; p += line_length(p))
		if (options_at(p, line_length(p)))
			last = p;
	if (!last) {
		nd_buf_text(out, text);
		nd_buf_printf(out, "%soptions %s\n", end > text && end[-1] != '\n' ? "\n" : "",
			      option);
		return;
	}
	size_t n = line_length(last), keep = n;
	while (keep > 0 && strchr(" \t\r\n", last[keep - 1]))
		keep--;
	nd_buf_add(out, text, (size_t)(last - text) + keep);
	nd_buf_printf(out, " %s\n", option);
	nd_buf_text(out, last + n);
}

int nd_edit_add(const char *text, const char *option, struct nd_buf *out)
{
	char name[ND_EDIT_WORD];
	struct count c = { .option = option, .name = name };
	struct nd_buf rest;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(option, ":"), option);
	nd_edit_each(text, count, &c);
	if (c.same == 1 && c.others == 0)
		return nd_buf_text(out, text);
	nd_buf_init(&rest, ND_EDIT_BYTES);
	if (nd_edit_remove(text, name, &rest) == 0)
		append(nd_buf_string(&rest), option, out);
	else
		out->err = rest.err;
	nd_buf_clear(&rest);
	return out->err;
}
