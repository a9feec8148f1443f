/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

#define DURATION_TOP (UINT64_C(1) << 63) /* the most negative duration, without its sign */

enum { KNOWN_MAX = 700 }; /* bytes of the list of known words in a message */

#define WRONG(d, line_, plugin, format, ...) \
	nd_diag_at(d, (line_)->file, (line_)->line, "plugin/%s: " format, plugin, __VA_ARGS__)

/* Nanoseconds of the unit of len bytes at text; 0: unknown unit. */
static uint64_t unit_ns(const char *text, size_t len)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },           { "us", 1000 },   { "\xc2\xb5s", 1000 }, /* micro sign */
		{ "\xce\xbcs", 1000 },                                          /* Greek mu */
		{ "ms", ND_MS(1) },    { "s", ND_S(1) }, { "m", ND_S(60) },     { "h", ND_S(3600) },
	};

	for (size_t i = 0; i < ND_COUNT(units); i++)
		if (strlen(units[i].name) == len && memcmp(units[i].name, text, len) == 0)
			return units[i].ns;
	return 0;
}

/* Reads the digits at *text; false: too large for a duration. */
static bool take_whole(const char **text, uint64_t *v)
{
	for (*v = 0; nd_ascii_is_digit(**text); ++*text) {
		if (*v > DURATION_TOP / 10)
			return false;
		*v = *v * 10 + (uint64_t)(**text - '0');
		if (*v > DURATION_TOP)
			return false;
	}
	return true;
}

/* Reads the digits after the point as f / scale; digits beyond the precision are skipped. */
static void take_fraction(const char **text, uint64_t *f, double *scale)
{
	bool full = false;

	for (*f = 0, *scale = 1; nd_ascii_is_digit(**text); ++*text) {
		full = full || *f > (DURATION_TOP - 1) / 10;
		if (full)
			continue;
		*f = *f * 10 + (uint64_t)(**text - '0');
		*scale *= 10;
	}
}

/* Reads one number with its unit, "1.5h"; false if there is none. */
static bool take_part(const char **text, uint64_t *ns)
{
	const char *start = *text;
	uint64_t v, f = 0;
	double scale = 1;

	if (!take_whole(text, &v))
		return false;
	size_t digits = (size_t)(*text - start);
	if (**text == '.') {
		start = ++*text;
		take_fraction(text, &f, &scale);
		digits += (size_t)(*text - start);
	}
	size_t len = strcspn(*text, ".0123456789");
	uint64_t unit = unit_ns(*text, len);
	if (digits == 0 || unit == 0 || v > DURATION_TOP / unit)
		return false;
	*text += len;
	*ns = v * unit + (uint64_t)((double)f * ((double)unit / scale));
	return *ns <= DURATION_TOP;
}

int nd_settings_duration(const char *text, int64_t *ns)
{
	bool negative = *text == '-';
	uint64_t sum = 0, part;

	if (*text == '-' || *text == '+')
		text++;
	if (strcmp(text, "0") == 0) { /* the only number without a unit */
		*ns = 0;
		return 0;
	}
	if (!*text)
		return ND_EFORMAT;
	while (*text) {
		if (!take_part(&text, &part))
			return ND_EFORMAT;
		sum += part; /* both are at most 2^63: can only wrap to 0 */
		if (sum > DURATION_TOP || (sum == 0 && part))
			return ND_EFORMAT;
	}
	if (!negative && sum == DURATION_TOP)
		return ND_EFORMAT;
	*ns = (int64_t)(negative ? -sum : sum);
	return 0;
}

int nd_settings_uint(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!nd_ascii_is_digit(*text))
		return ND_EFORMAT;
	for (; nd_ascii_is_digit(*text); text++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return ND_EFORMAT;
	if (*text || v > max)
		return ND_EFORMAT;
	*out = v;
	return 0;
}

int nd_settings_args(const struct nd_conf_line *line, const char *plugin, size_t min, size_t max,
		     struct nd_diag *d)
{
	char want[64];

	if (line->nargs >= min && line->nargs <= max)
		return 0;
	if (max == 0)
		return WRONG(d, line, plugin, "unexpected \"%.80s\": \"%.80s\" takes no argument",
			     line->args[0], line->name);
	if (max == SIZE_MAX)
		snprintf(want, sizeof want, "at least %zu", min);
	else if (min == max)
		snprintf(want, sizeof want, "%zu", min);
	else
		snprintf(want, sizeof want, "%zu to %zu", min, max);
	bool one = strcmp(want, "1") == 0 || strcmp(want, "at least 1") == 0;
	return WRONG(d, line, plugin, "\"%.80s\" takes %s argument%s, %zu given%s%.80s%s",
		     line->name, want, one ? "" : "s", line->nargs,
		     line->nargs > max ? ": unexpected \"" : "",
		     line->nargs > max ? line->args[max] : "", line->nargs > max ? "\"" : "");
}

void nd_settings_defaults(const struct nd_setting *table, void *self)
{
	for (const struct nd_setting *row = table; row && row->name; row++) {
		void *to = (char *)self + row->where;
		switch (row->kind) {
		case ND_SET_FLAG: *(bool *)to = row->def != 0; break;
		case ND_SET_COUNT:
		case ND_SET_SECS: *(uint32_t *)to = (uint32_t)row->def; break;
		case ND_SET_DURATION: *(int64_t *)to = row->def; break;
		case ND_SET_TEXT:
		case ND_SET_OWN:
		case ND_SET_NOTYET: break;
		}
	}
}

/* The largest value of the row. */
static int64_t row_max(const struct nd_setting *row)
{
	if (row->max)
		return row->max;
	return row->kind == ND_SET_DURATION ? INT64_MAX : UINT32_MAX;
}

/* Formats a duration in its largest whole unit: "1h", "90s", "500ms", "7ns". */
static void put_duration(char *to, size_t n, int64_t ns)
{
	static const struct {
		int64_t ns;
		const char *name;
	} units[] = {
		{ ND_S(3600), "h" }, { ND_S(60), "m" }, { ND_S(1), "s" },
		{ ND_MS(1), "ms" },  { 1000, "us" },    { 1, "ns" },
	};
	size_t i = 0;

	while (ns % units[i].ns)
		i++;
	snprintf(to, n, "%" PRId64 "%s", ns / units[i].ns, ns ? units[i].name : "");
}

/* Reports the value with the range of the row. */
static int refuse_value(const struct nd_setting *row, const char *plugin,
			const struct nd_conf_line *line, struct nd_diag *d)
{
	char min[32], max[32], must[160], where[80];
	bool open = row->kind == ND_SET_DURATION && !row->max;

	if (row->kind == ND_SET_DURATION) {
		put_duration(min, sizeof min, row->min);
		put_duration(max, sizeof max, row_max(row));
	} else {
		snprintf(min, sizeof min, "%" PRId64, row->min);
		snprintf(max, sizeof max, "%" PRId64, row_max(row));
	}
	const char *what = row->kind == ND_SET_COUNT  ? "a number"
			   : row->kind == ND_SET_SECS ? "seconds like \"30\" or \"5m\""
						      : "a duration like \"500ms\" or \"1h30m\"";
	snprintf(must, sizeof must, "%s, %s%s%s", what, open ? "at least " : min,
		 open ? "" : " to ", open ? min : max);
	snprintf(where, sizeof where, "plugin/%s: ", plugin);
	return nd_diag_invalid(d, line->file, line->line, where, row->name, line->args[0], must);
}

/* The value as a plain number, in seconds or in nanoseconds, by the kind of the row. */
static int read_number(const struct nd_setting *row, const char *text, int64_t *out)
{
	uint64_t plain;
	int64_t ns;

	if (row->kind != ND_SET_DURATION && nd_settings_uint(text, UINT32_MAX, &plain) == 0) {
		*out = (int64_t)plain;
		return 0;
	}
	if (row->kind == ND_SET_COUNT || nd_settings_duration(text, &ns) < 0)
		return ND_EFORMAT;
	if (row->kind == ND_SET_SECS && ns % ND_NS_PER_S)
		return ND_EFORMAT;
	*out = row->kind == ND_SET_SECS ? ns / ND_NS_PER_S : ns;
	return 0;
}

static int read_row(const struct nd_setting *row, const char *plugin,
		    const struct nd_conf_line *line, void *self, struct nd_diag *d)
{
	void *to = (char *)self + row->where;
	size_t want = row->kind == ND_SET_FLAG ? 0 : 1;
	int64_t v = 0;
	int err = nd_settings_args(line, plugin, want, want, d);

	if (err)
		return err;
	if (line->has_block)
		return WRONG(d, line, plugin, "unexpected \"{\": \"%s\" takes no block", row->name);
	if (row->kind == ND_SET_FLAG)
		*(bool *)to = true;
	else if (row->kind == ND_SET_TEXT)
		*(const char **)to = line->args[0];
	else if (read_number(row, line->args[0], &v) < 0 || v < row->min || v > row_max(row))
		return refuse_value(row, plugin, line, d);
	else if (row->kind == ND_SET_DURATION)
		*(int64_t *)to = v;
	else
		*(uint32_t *)to = (uint32_t)v;
	return 0;
}

static int refuse_word(const struct nd_setting *table, const char *plugin,
		       const struct nd_conf_line *line, struct nd_diag *d)
{
	struct nd_buf known;

	nd_buf_init(&known, KNOWN_MAX);
	for (const struct nd_setting *row = table; row && row->name; row++)
		if (row->kind != ND_SET_NOTYET)
			nd_buf_printf(&known, "%s%s", known.len ? ", " : "", row->name);
	if (known.len)
		WRONG(d, line, plugin, "unknown property \"%.80s\": must be one of %s", line->name,
		      nd_buf_string(&known));
	else
		WRONG(d, line, plugin, "unknown property \"%.80s\": the plugin has none",
		      line->name);
	nd_buf_clear(&known);
	return ND_ECONF;
}

int nd_settings_read(const struct nd_setting *table, const char *plugin,
		     const struct nd_conf_line *directive, void *self,
		     int (*own)(void *self, const struct nd_conf_line *line, void *ctx), void *ctx,
		     bool own_rest, struct nd_diag *d)
{
	int err = 0;

	for (size_t i = 0; !err && i < directive->nblock; i++) {
		const struct nd_conf_line *line = &directive->block[i];
		const struct nd_setting *row = table;
		while (row && row->name && strcmp(row->name, line->name) != 0)
			row++;
		bool found = row && row->name;
		if (found && row->kind == ND_SET_NOTYET)
			err = WRONG(d, line, plugin, "\"%s\" is not supported yet; remove it",
				    row->name);
		else if (found ? row->kind == ND_SET_OWN : own_rest)
			err = own(self, line, ctx);
		else
			err = found ? read_row(row, plugin, line, self, d)
				    : refuse_word(table, plugin, line, d);
	}
	return err;
}
