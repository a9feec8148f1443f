/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/labflags.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/invalid.h"

enum kind { TEXT, NUMBER, SWITCH };

static const struct flag {
	const char *name, *value;
	enum kind kind;
	size_t at;
	unsigned min, max;
	const char *help;
} flags[] = {
	{ "quick", NULL, SWITCH, offsetof(struct nd_labflags, quick), 0, 0,
	  "10 seconds per row instead of 30" },
	{ "seconds", "N", NUMBER, offsetof(struct nd_labflags, plan.seconds), 1, 3600,
	  "seconds per row (30)" },
	{ "clients", "N", NUMBER, offsetof(struct nd_labflags, plan.clients), 1, 2000,
	  "clients in the pod (200)" },
	{ "rate", "N", NUMBER, offsetof(struct nd_labflags, plan.rate), 1, 100000,
	  "lookups per second in the race (200)" },
	{ "services", "N", NUMBER, offsetof(struct nd_labflags, plan.services), 0, 20000,
	  "additional Services in the race (5000)" },
	{ "coredns", "PATH", TEXT, offsetof(struct nd_labflags, plan.coredns), 0, 0,
	  "a CoreDNS binary: adds its rows" },
	{ "node-cache", "PATH", TEXT, offsetof(struct nd_labflags, plan.node_cache), 0, 0,
	  "a NodeLocal DNSCache binary: adds its row; requires -coredns" },
	{ "nodens", "PATH", TEXT, offsetof(struct nd_labflags, plan.nodens), 0, 0,
	  "nodens binary to test (the one this tool belongs to)" },
	{ "json", "FILE", TEXT, offsetof(struct nd_labflags, json), 0, 0,
	  "also write JSON; -: JSON on standard output instead of tables" },
	{ "show", NULL, SWITCH, offsetof(struct nd_labflags, show), 0, 0,
	  "print the commands that build the lab" },
	{ "help", NULL, SWITCH, offsetof(struct nd_labflags, help), 0, 0, "print this help" },
};

void nd_labflags_usage(FILE *to)
{
	fprintf(to,
		"usage: nodens lab [burst] [race] [OPTION...]\n\n"
		"Builds a Kubernetes node from network namespaces and shows why DNS lookups stall,\n"
		"and which fixes help. Needs root, or a kernel that lets users create namespaces.\n\n");
	for (size_t i = 0; i < ND_COUNT(flags); i++) {
		char left[32];
		snprintf(left, sizeof left, "-%s %s", flags[i].name,
			 flags[i].value ? flags[i].value : "");
		fprintf(to, "  %-20s %s\n", left, flags[i].help);
	}
	fprintf(to, "\nExit status: 0 success; 1 an expectation was missed or a process failed;\n"
		    "2 invalid command line; 3 namespaces cannot be created, or a program is\n"
		    "missing.\n");
}

/* "-clients: invalid value "0": must be ..." */
static int refuse(const char *flag, const char *value, const char *must, char why[ND_LABFLAGS_WHY])
{
	int n = snprintf(why, ND_LABFLAGS_WHY, "-%s: ", flag);

	nd_invalid_format(why + n, ND_LABFLAGS_WHY - (size_t)n, "value", value, must);
	return ND_EFORMAT;
}

static int set_number(struct nd_labflags *f, const struct flag *flag, const char *value,
		      char why[ND_LABFLAGS_WHY])
{
	size_t digits = strspn(value, "0123456789");
	unsigned long v = digits > 0 && digits < 9 ? strtoul(value, NULL, 10) : 0;

	if (digits == 0 || digits > 8 || value[digits] || v < flag->min || v > flag->max) {
		char must[64];
		snprintf(must, sizeof must, "a whole number from %u to %u", flag->min, flag->max);
		return refuse(flag->name, value, must, why);
	}
	*(unsigned *)((char *)f + flag->at) = (unsigned)v;
	return 0;
}

static int set(struct nd_labflags *f, const struct flag *flag, const char *value,
	       char why[ND_LABFLAGS_WHY])
{
	switch (flag->kind) {
	case NUMBER: return set_number(f, flag, value, why);
	case SWITCH: *(bool *)((char *)f + flag->at) = true; return 0;
	case TEXT: break;
	}
	if (!*value) {
		snprintf(why, ND_LABFLAGS_WHY, "-%s: empty value", flag->name);
		return ND_EFORMAT;
	}
	*(const char **)((char *)f + flag->at) = value;
	return 0;
}

static int read_flag(struct nd_labflags *f, int argc, char **argv, int *i,
		     char why[ND_LABFLAGS_WHY])
{
	const char *word = argv[*i], *name = word + strspn(word, "-");
	size_t dashes = (size_t)(name - word), len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct flag *flag = NULL;

	for (size_t k = 0; k < ND_COUNT(flags) && dashes <= 2; k++)
		if (strlen(flags[k].name) == len && memcmp(flags[k].name, name, len) == 0)
			flag = &flags[k];
	if (!flag || (flag->kind == SWITCH && value)) {
		snprintf(why, ND_LABFLAGS_WHY,
			 flag ? "\"%.80s\": this option takes no value"
			      : "unknown option \"%.80s\"",
			 word);
		return ND_EFORMAT;
	}
	if (flag->kind != SWITCH && !value) {
		if (*i + 1 >= argc) {
			snprintf(why, ND_LABFLAGS_WHY, "-%s: missing value", flag->name);
			return ND_EFORMAT;
		}
		value = argv[++*i];
	}
	return set(f, flag, value, why);
}

static int read_cause(struct nd_labflags *f, const char *word, char why[ND_LABFLAGS_WHY])
{
	static const char *const names[ND_ROW_CAUSES] = { "burst", "race" };

	for (unsigned c = 0; c < ND_ROW_CAUSES; c++) {
		if (strcmp(word, names[c]) != 0)
			continue;
		f->cause[c] = true;
		return 0;
	}
	nd_invalid_format(why, ND_LABFLAGS_WHY, "scenario", word, "burst or race");
	return ND_EFORMAT;
}

int nd_labflags_parse(struct nd_labflags *f, int argc, char **argv, char why[ND_LABFLAGS_WHY])
{
	bool any = false;

	*f = (struct nd_labflags){ .plan = { .clients = 200, .services = 5000, .rate = 200 } };
	for (int i = 1; i < argc; i++) {
		int err = argv[i][0] == '-' ? read_flag(f, argc, argv, &i, why)
					    : read_cause(f, argv[i], why);
		if (err)
			return err;
	}
	if (f->plan.node_cache && !f->plan.coredns && !f->help) {
		snprintf(why, ND_LABFLAGS_WHY,
			 "-node-cache requires -coredns, which runs in the DNS pod");
		return ND_EFORMAT;
	}
	if (f->plan.seconds == 0)
		f->plan.seconds = f->quick ? ND_LABFLAGS_QUICK_S : ND_LABFLAGS_S;
	for (unsigned c = 0; c < ND_ROW_CAUSES; c++)
		any |= f->cause[c];
	for (unsigned c = 0; c < ND_ROW_CAUSES; c++)
		f->cause[c] |= !any;
	return 0;
}
