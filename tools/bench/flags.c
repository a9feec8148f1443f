/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/flags.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/invalid.h"
#include "tools/bench/style.h"

enum kind { TEXT, NUMBER, SWITCH, SERVER };

static const struct flag {
	const char *name, *value; /* value: what usage calls it; NULL: a switch */
	enum kind kind;
	size_t at;
	uint64_t min, max, preset;
	const char *help;
} flags[] = {
	{ "host", "NAME", TEXT, offsetof(struct nd_flags, host), 0, 0, 0,
	  "name to look up, as an application gives it" },
	{ "queries", "FILE", TEXT, offsetof(struct nd_flags, queries), 0, 0, 0,
	  "send the queries of a dnsperf query file instead, without a search list" },
	{ "c", "N", NUMBER, offsetof(struct nd_flags, clients), 1, 20000, 200, "clients" },
	{ "d", "SECONDS", NUMBER, offsetof(struct nd_flags, seconds), 1, 31536000, 30,
	  "time during which lookups are started" },
	{ "n", "N", NUMBER, offsetof(struct nd_flags, lookups), 1, UINT32_MAX, 0,
	  "start at most N lookups" },
	{ "l", "MS", NUMBER, offsetof(struct nd_flags, limit_ms), 1, 3600000, 5000,
	  "a lookup that takes MS or longer counts as a timeout" },
	{ "rate", "N", NUMBER, offsetof(struct nd_flags, rate), 1, 10000000, 0,
	  "open loop: N lookups per second, each timed from when it was due" },
	{ "style", "NAME", TEXT, offsetof(struct nd_flags, style), 0, 0, 0,
	  "resolver to imitate, see below (go)" },
	{ "resolv", "FILE", TEXT, offsetof(struct nd_flags, resolv), 0, 0, 0,
	  "resolv.conf to use (/etc/resolv.conf)" },
	{ "server", "ADDR[:PORT]", SERVER, 0, 0, 0, 0,
	  "server to query, up to 3; without -resolv there is no search list" },
	{ "port", "PORT", NUMBER, offsetof(struct nd_flags, port), 1, 65535, 53,
	  "port of servers given without one" },
	{ "options", "LIST", TEXT, offsetof(struct nd_flags, options), 0, 0, 0,
	  "additional resolv.conf options: \"single-request timeout:1\"" },
	{ "json", NULL, SWITCH, offsetof(struct nd_flags, json), 0, 0, 0,
	  "print the results as JSON" },
	{ "q", NULL, SWITCH, offsetof(struct nd_flags, quiet), 0, 0, 0,
	  "print no progress line each second" },
	{ "help", NULL, SWITCH, offsetof(struct nd_flags, help), 0, 0, 0, "print this help" },
};

void nd_flags_usage(FILE *to)
{
	char left[32];

	fprintf(to, "usage: nodens bench -host NAME [-c N] [-d SECONDS] [-l MS] [OPTION...]\n\n"
		    "Looks a name up as applications do, and measures the latency.\n\n");
	for (size_t i = 0; i < ND_COUNT(flags); i++) {
		const struct flag *f = &flags[i];
		snprintf(left, sizeof left, "-%s %s", f->name, f->value ? f->value : "");
		fprintf(to, "  %-20s %s", left, f->help);
		if (f->kind == NUMBER && f->preset)
			fprintf(to, " (%llu)", (unsigned long long)f->preset);
		fputc('\n', to);
	}
	fprintf(to, "\nstyles:\n");
	for (size_t i = 0; nd_style_at(i); i++)
		fprintf(to, "  %-20s %s\n", nd_style_at(i)->name, nd_style_at(i)->help);
}

static const struct flag *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ND_COUNT(flags); i++)
		if (strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0)
			return &flags[i];
	return NULL;
}

/* "-c: invalid value "0": must be ..." */
static int refuse(const struct flag *flag, const char *value, const char *must,
		  char why[ND_FLAGS_WHY])
{
	int n = snprintf(why, ND_FLAGS_WHY, "-%s: ", flag->name);

	nd_invalid_format(why + n, ND_FLAGS_WHY - (size_t)n, "value", value, must);
	return ND_EFORMAT;
}

static int set_number(struct nd_flags *f, const struct flag *flag, const char *value,
		      char why[ND_FLAGS_WHY])
{
	size_t digits = strspn(value, "0123456789");
	unsigned long long v = digits > 0 && digits < 19 ? strtoull(value, NULL, 10) : 0;

	if (digits == 0 || digits > 18 || value[digits] || v < flag->min || v > flag->max) {
		char must[80];
		snprintf(must, sizeof must, "a whole number from %llu to %llu",
			 (unsigned long long)flag->min, (unsigned long long)flag->max);
		return refuse(flag, value, must, why);
	}
	*(uint64_t *)((char *)f + flag->at) = v;
	return 0;
}

static int set(struct nd_flags *f, const struct flag *flag, const char *value,
	       char why[ND_FLAGS_WHY])
{
	switch (flag->kind) {
	case NUMBER: return set_number(f, flag, value, why);
	case SWITCH: *(bool *)((char *)f + flag->at) = true; return 0;
	case TEXT: *(const char **)((char *)f + flag->at) = value; return 0;
	case SERVER: break;
	}
	if (f->servers == ND_FLAGS_SERVERS) {
		snprintf(why, ND_FLAGS_WHY, "-server: at most %d servers are allowed",
			 ND_FLAGS_SERVERS);
		return ND_EFORMAT;
	}
	f->server[f->servers++] = value;
	return 0;
}

/* Reads the flag at argv[*i] and its value, which may be the next word. */
static int read_flag(struct nd_flags *f, int argc, char **argv, int *i, char why[ND_FLAGS_WHY])
{
	const char *word = argv[*i], *name = word + strspn(word, "-");
	size_t dashes = (size_t)(name - word), len = strcspn(name, "=");
	const struct flag *flag = dashes == 1 || dashes == 2 ? find(name, len) : NULL;
	const char *value = name[len] ? name + len + 1 : NULL;

	if (!flag || (flag->kind == SWITCH && value)) {
		snprintf(why, ND_FLAGS_WHY,
			 flag ? "\"%.80s\": this option takes no value"
			      : "unknown option \"%.80s\"",
			 word);
		return ND_EFORMAT;
	}
	if (flag->kind != SWITCH && !value) {
		if (*i + 1 >= argc) {
			snprintf(why, ND_FLAGS_WHY, "-%s: missing value", flag->name);
			return ND_EFORMAT;
		}
		value = argv[++*i];
	}
	return set(f, flag, value, why);
}

int nd_flags_parse(struct nd_flags *f, int argc, char **argv, char why[ND_FLAGS_WHY])
{
	*f = (struct nd_flags){ .style = "go" };
	for (size_t i = 0; i < ND_COUNT(flags); i++)
		if (flags[i].kind == NUMBER)
			*(uint64_t *)((char *)f + flags[i].at) = flags[i].preset;
	for (int i = 1; i < argc; i++) {
		int err = read_flag(f, argc, argv, &i, why);
		if (err)
			return err;
	}
	if (!f->help && !f->host == !f->queries) {
		snprintf(why, ND_FLAGS_WHY, "either -host NAME or -queries FILE is required");
		return ND_EFORMAT;
	}
	return 0;
}
