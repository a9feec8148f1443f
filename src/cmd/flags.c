/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/flags.h"

#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/invalid.h"
#include "conf/settings.h"

static void usage(FILE *to, const struct nd_flag *table, size_t n, const char *program)
{
	fprintf(to, "usage: %s [OPTION...]\n", program);
	for (size_t i = 0; i < n; i++)
		fprintf(to, "  -%s%s\n    \t%s\n", table[i].name,
			table[i].kind == ND_FLAG_SWITCH ? "" : " VALUE", table[i].help);
}

/* Go's strconv.ParseBool. */
static int parse_bool(const char *text, bool *out)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ND_COUNT(yes); i++) {
		if (strcmp(text, yes[i]) != 0 && strcmp(text, no[i]) != 0)
			continue;
		*out = strcmp(text, yes[i]) == 0;
		return 0;
	}
	return ND_EFORMAT;
}

static int set_value(const struct nd_flag *f, void *options, const char *value)
{
	void *to = (char *)options + f->where;

	if (f->kind == ND_FLAG_TEXT) {
		*(const char **)to = value;
		return 0;
	}
	if (parse_bool(value, to) == 0)
		return 0;
	fprintf(stderr, "invalid boolean value \"%s\" for -%s: must be true or false\n", value,
		f->name);
	return ND_EFORMAT;
}

static const struct nd_flag *find_flag(const struct nd_flag *table, size_t n, const char *name,
				       size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

/* The flag at argv[*i], and its value, which may be the next word. */
static int read_flag(const struct nd_flag *table, size_t n, int argc, char **argv, int *i,
		     void *options)
{
	const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct nd_flag *f = find_flag(table, n, name, len);

	if (!f) {
		fprintf(stderr, "flag provided but not defined: -%.*s\n", (int)len, name);
		return ND_EFORMAT;
	}
	if (equals)
		return set_value(f, options, equals + 1);
	if (f->kind == ND_FLAG_SWITCH)
		return set_value(f, options, "true");
	if (*i + 1 == argc) {
		fprintf(stderr, "flag needs an argument: -%s\n", f->name);
		return ND_EFORMAT;
	}
	return set_value(f, options, argv[++*i]);
}

static bool is_help(const char *word)
{
	return !strcmp(word, "-h") || !strcmp(word, "-help") || !strcmp(word, "--help");
}

int nd_flags_parse(const struct nd_flag *table, size_t n, const char *program, int argc,
		   char **argv, void *options)
{
	for (int i = 1; i < argc; i++) {
		if (is_help(argv[i])) {
			usage(stdout, table, n, program);
			return 0;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			fprintf(stderr, "extra command line arguments: %s\n", argv[i]);
			return 1;
		}
		if (read_flag(table, n, argc, argv, &i, options)) {
			usage(stderr, table, n, program);
			return 2;
		}
	}
	return ND_FLAGS_CONTINUE;
}

/* what, must: as in nd_invalid_format(). */
static bool fail_value(const char *name, const char *text, const char *what, const char *must)
{
	char message[ND_INVALID_TEXT_MAX + 64];

	nd_invalid_format(message, sizeof message, what, text, must);
	fprintf(stderr, "-%s: %s\n", name, message);
	return false;
}

static bool parse_number(const char *name, const char *text, uint16_t min, uint16_t max,
			 const char *what, const char *must, uint16_t *out)
{
	uint64_t n;

	if (nd_settings_uint(text, max, &n) || n < min)
		return fail_value(name, text, what, must);
	*out = (uint16_t)n;
	return true;
}

bool nd_flags_port(const char *name, const char *text, uint16_t *out)
{
	return parse_number(name, text, 1, UINT16_MAX, "port", "1 to 65535", out);
}

bool nd_flags_udp_size(const char *name, const char *text, uint16_t *out)
{
	return parse_number(name, text, 1232, 4096, "size", "1232 to 4096 bytes", out);
}

/* The factor of a Kubernetes suffix, with or without a "B" after it; 0: unknown. */
static uint64_t find_factor(const char *suffix)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} rows[] = {
		{ "", 1 },           { "k", 1000 },          { "M", 1000000 },
		{ "G", 1000000000 }, { "Ki", 1 << 10 },      { "Mi", 1 << 20 },
		{ "Gi", 1 << 30 },   { "T", 1000000000000 }, { "Ti", (uint64_t)1 << 40 },
	};
	size_t n = strlen(suffix);

	n -= n > 1 && suffix[n - 1] == 'B';
	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if (strlen(rows[i].suffix) == n && memcmp(rows[i].suffix, suffix, n) == 0)
			return rows[i].factor;
	return 0;
}

bool nd_flags_bytes(const char *name, const char *text, uint64_t min, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t factor = find_factor(text + digits), n;
	char number[24], must[64];

	if (digits > 0 && digits < sizeof number && factor) {
		memcpy(number, text, digits);
		number[digits] = '\0';
		if (nd_settings_uint(number, UINT64_MAX / factor, &n) == 0 && n * factor >= min) {
			*out = n * factor;
			return true;
		}
	}
	snprintf(must, sizeof must, "at least %uMi, like \"170Mi\"", (unsigned)(min >> 20));
	return fail_value(name, text, "size", must);
}
