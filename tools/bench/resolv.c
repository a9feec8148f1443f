/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/resolv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/invalid.h"

enum { WORD_MAX = 1100 }; /* longer than the text of any name */

struct reading {
	struct nd_resolv *r;
	unsigned line;
	nd_resolv_note *note;
	void *ctx;
	int err;
};

__attribute__((format(printf, 2, 3))) static void report(struct reading *in, const char *format,
							 ...)
{
	char text[WORD_MAX + 128];
	va_list args;

	in->err = ND_EFORMAT;
	if (!in->note)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	in->note(in->ctx, in->line, text);
}

static void report_invalid(struct reading *in, const char *what, const char *value,
			   const char *must)
{
	char text[ND_INVALID_TEXT_MAX + 128];

	report(in, "%s", nd_invalid_format(text, sizeof text, what, value, must));
}

/* The next word of [*p, end) into word; false at the end. A word that is too long is cut, and then
 * matches nothing. */
static bool next_word(const char **p, const char *end, const char *between, char word[WORD_MAX])
{
	size_t n = 0;

	while (*p < end && strchr(between, **p))
		(*p)++;
	while (*p < end && !strchr(between, **p)) {
		if (n + 1 < WORD_MAX)
			word[n++] = **p;
		(*p)++;
	}
	word[n] = '\0';
	return n > 0;
}

/* Digits only; strtoul() would also accept signs. */
static bool read_number(const char *text, unsigned *out)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 6 || text[n])
		return false;
	*out = (unsigned)strtoul(text, NULL, 10);
	return true;
}

static bool set_number(struct reading *in, const char *word)
{
	const struct {
		const char *name;
		unsigned *to, min;
	} numbers[] = {
		{ "ndots:", &in->r->ndots, 0 },
		{ "timeout:", &in->r->timeout_s, 1 },
		{ "attempts:", &in->r->attempts, 1 },
	};

	for (size_t i = 0; i < ND_COUNT(numbers); i++) {
		size_t n = strlen(numbers[i].name);
		unsigned value;
		if (strncmp(word, numbers[i].name, n) != 0)
			continue;
		if (!read_number(word + n, &value) || value < numbers[i].min)
			report_invalid(in, "option", word,
				       numbers[i].min ? "a number of at least 1" : "a number");
		else
			*numbers[i].to = value;
		return true;
	}
	return false;
}

static bool set_switch(struct reading *in, const char *word)
{
	const struct {
		const char *name;
		bool *to; /* NULL: known, but does not affect queries */
	} switches[] = {
		{ "rotate", &in->r->rotate },
		{ "use-vc", &in->r->use_vc },
		{ "edns0", &in->r->edns0 },
		{ "single-request", &in->r->single_request },
		{ "single-request-reopen", &in->r->single_request_reopen },
		{ "no-aaaa", &in->r->no_aaaa },
		{ "trust-ad", &in->r->trust_ad },
		{ "no-reload", NULL },
		{ "debug", NULL },
	};

	for (size_t i = 0; i < ND_COUNT(switches); i++) {
		if (strcmp(word, switches[i].name) != 0)
			continue;
		if (switches[i].to)
			*switches[i].to = true;
		return true;
	}
	return false;
}

static void read_options(struct reading *in, const char *p, const char *end)
{
	char word[WORD_MAX];

	while (next_word(&p, end, " \t\r,", word))
		if (!set_number(in, word) && !set_switch(in, word))
			report(in, "unknown option \"%s\"", word);
}

static void read_search(struct reading *in, const char *p, const char *end)
{
	char word[WORD_MAX];
	struct nd_name name;

	in->r->searches = 0;
	while (next_word(&p, end, " \t\r", word)) {
		if (in->r->searches == ND_RESOLV_SEARCH) {
			report(in, "search: more than %d domains; the rest are ignored",
			       ND_RESOLV_SEARCH);
			return;
		}
		if (nd_name_parse(word, true, &in->r->search[in->r->searches], &name) < 0)
			report_invalid(in, "search domain", word, "a domain name");
		else
			in->r->searches++;
	}
}

static void read_server(struct reading *in, const char *p, const char *end, uint16_t port)
{
	char word[WORD_MAX];

	if (!next_word(&p, end, " \t\r", word)) {
		report(in, "nameserver: the address is missing");
		return;
	}
	if (in->r->servers == ND_RESOLV_SERVERS) {
		report(in, "nameserver %s: ignored; resolvers use only the first %d", word,
		       ND_RESOLV_SERVERS);
		return;
	}
	if (nd_addr_parse_ip(word, port, &in->r->server[in->r->servers]) < 0)
		report_invalid(in, "nameserver", word, "an IP address");
	else
		in->r->servers++;
}

/* Only a whole line can be a comment, as in glibc and musl. */
static void read_line(struct reading *in, const char *p, const char *end, uint16_t port)
{
	char word[WORD_MAX];

	if (p == end || *p == '#' || *p == ';' || !next_word(&p, end, " \t\r", word))
		return;
	if (strcmp(word, "nameserver") == 0)
		read_server(in, p, end, port);
	else if (strcmp(word, "search") == 0 || strcmp(word, "domain") == 0)
		read_search(in, p, end);
	else if (strcmp(word, "options") == 0)
		read_options(in, p, end);
	else if (strcmp(word, "sortlist") != 0) /* sorts answers; does not affect queries */
		report(in, "unknown keyword \"%s\"", word);
}

void nd_resolv_init(struct nd_resolv *r)
{
	*r = (struct nd_resolv){ .ndots = 1, .timeout_s = 5, .attempts = 2 };
}

void nd_resolv_parse(struct nd_resolv *r, const char *text, uint16_t port, nd_resolv_note *note,
		     void *ctx)
{
	struct reading in = { .r = r, .note = note, .ctx = ctx };

	while (*text) {
		const char *end = text + strcspn(text, "\n");
		in.line++;
		read_line(&in, text, end, port);
		text = *end ? end + 1 : end;
	}
}

int nd_resolv_options(struct nd_resolv *r, const char *text, unsigned line, nd_resolv_note *note,
		      void *ctx)
{
	struct reading in = { .r = r, .line = line, .note = note, .ctx = ctx };

	read_options(&in, text, text + strlen(text));
	return in.err;
}
