/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/table.h"

#include <inttypes.h>
#include <string.h>
#include "base/err.h"

enum { CELL = 32, WRAP = 100, RULE = 200 };
enum { FIRST = 1, RACE_ONLY = 2, LEFT = 4, BAD = 8 };

#define AT(member) offsetof(struct nd_figures, member)

/* One column; FIRST: the first of its group, with a line to its left. */
static const struct column {
	const char *group, *head;
	int width;
	unsigned flags;
	size_t at; /* offset in struct nd_figures; 0: a text column */
} columns[] = {
	{ "", "answered by", 14, LEFT, 0 },
	{ "", "cure", 21, LEFT, 0 },
	{ "lookups", "all", 6, FIRST, AT(requests) },
	{ "", "errors", 6, BAD, AT(errors) },
	{ "", "stalls", 6, BAD, AT(timeouts) },
	{ "ms", "min", 3, FIRST, AT(min_ms) },
	{ "", "avg", 4, 0, AT(avg_ms) },
	{ "", "max", 5, 0, AT(max_ms) },
	{ "UdpRcvbufErrors", "pod", 4, FIRST, AT(counted.pod_rcvbuf) },
	{ "", "node", 5, 0, AT(counted.node_rcvbuf) },
	{ "", "DNS", 5, 0, AT(counted.dns_rcvbuf) },
	{ "conntrack", "insf", 4, FIRST, AT(counted.insert_failed) },
	{ "", "drop", 4, 0, AT(counted.drop) },
	{ "", "clash", 5, 0, AT(counted.clash_resolve) },
	{ "old k.", "lost", 6, FIRST | RACE_ONLY, AT(counted.old_kernel) },
	{ "DNAT", "hits", 6, FIRST, AT(counted.dnat) },
};

static bool is_shown(const struct column *c, enum nd_row_cause cause)
{
	return !(c->flags & RACE_ONLY) || cause == ND_ROW_RACE;
}

static void write_gap(FILE *to, const struct column *c, const char *line)
{
	if (c != columns)
		fputs(c->flags & FIRST ? line : " ", to);
}

static void write_rule(FILE *to, enum nd_row_cause cause, const char *cross)
{
	for (size_t i = 0; i < ND_COUNT(columns); i++) {
		const struct column *c = &columns[i];
		if (!is_shown(c, cause))
			continue;
		if (i > 0)
			fputs(c->flags & FIRST ? cross : "─", to);
		for (int k = 0; k < c->width; k++)
			fputs("─", to);
	}
	fputc('\n', to);
}

/* The width of this column's group, gaps included. */
static int group_width(size_t i, enum nd_row_cause cause)
{
	int n = columns[i].width;

	for (i++; i < ND_COUNT(columns) && !(columns[i].flags & FIRST); i++)
		if (is_shown(&columns[i], cause))
			n += 1 + columns[i].width;
	return n;
}

static void write_head(FILE *to, enum nd_row_cause cause)
{
	for (size_t i = 0; i < ND_COUNT(columns); i++) {
		if (!is_shown(&columns[i], cause) || (i > 0 && !(columns[i].flags & FIRST)))
			continue;
		write_gap(to, &columns[i], " │ ");
		fprintf(to, "%-*s", group_width(i, cause), columns[i].group);
	}
	fputc('\n', to);
	for (size_t i = 0; i < ND_COUNT(columns); i++) {
		const struct column *c = &columns[i];
		if (!is_shown(c, cause))
			continue;
		write_gap(to, c, " │ ");
		fprintf(to, c->flags & LEFT ? "%-*s" : "%*s", c->width, c->head);
	}
	fputc('\n', to);
}

static bool is_time(const struct column *c)
{
	return c->at == AT(min_ms) || c->at == AT(avg_ms) || c->at == AT(max_ms);
}

static void format_cell(char cell[CELL], const struct column *c, const struct nd_row_result *r)
{
	const char *at = (const char *)&r->figures + c->at;

	if (c == &columns[0] || c == &columns[1]) {
		snprintf(cell, CELL, "%s", c == &columns[0] ? r->row->dns : r->row->cure);
	} else if (is_time(c)) {
		double ms = *(const double *)at;
		snprintf(cell, CELL, ms < 9.95 ? "%.1f" : "%.0f", ms);
	} else if ((c->flags & RACE_ONLY) && !(r->row->what & ND_ROW_OLD_KERNEL)) {
		snprintf(cell, CELL, "-");
	} else {
		snprintf(cell, CELL, "%" PRIu64, *(const uint64_t *)at);
	}
}

static const char *color_of(const struct column *c, const char *cell, bool color)
{
	if (!color || !(c->flags & BAD))
		return "";
	return strcmp(cell, "0") == 0 ? "\033[32m" : "\033[1;31m";
}

static void write_row(FILE *to, const struct nd_row_result *r, bool color)
{
	char cell[CELL];

	for (size_t i = 0; i < ND_COUNT(columns); i++) {
		const struct column *c = &columns[i];
		if (!is_shown(c, r->row->cause))
			continue;
		format_cell(cell, c, r);
		const char *on = color_of(c, cell, color);
		write_gap(to, c, " │ ");
		fputs(on, to);
		fprintf(to, c->flags & LEFT ? "%-*s" : "%*s", c->width, cell);
		fputs(*on ? "\033[0m" : "", to);
	}
	fputc('\n', to);
}

static void write_title(FILE *to, enum nd_row_cause cause, const struct nd_row_plan *plan,
			bool color)
{
	fprintf(to, "%s%s%s", color ? "\033[1m" : "",
		cause == ND_ROW_BURST ? "THE BURST" : "THE RACE, ON AN OLD KERNEL (EMULATED)",
		color ? "\033[0m" : "");
	if (cause == ND_ROW_BURST)
		fprintf(to, "  %u clients, style go, one DNS pod", plan->clients);
	else
		fprintf(to, "  %u clients, style parallel, %d DNS pods, %u additional Services",
			plan->clients, ND_PROXY_PODS_MAX, plan->services);
	fprintf(to, "; %u s per row; a stall is %d s or more\n\n", plan->seconds,
		ND_ROW_LIMIT_MS / 1000);
}

void nd_table_write(FILE *to, enum nd_row_cause cause, const struct nd_row_result *rows, unsigned n,
		    const struct nd_row_plan *plan, bool color)
{
	write_title(to, cause, plan, color);
	write_head(to, cause);
	write_rule(to, cause, "─┼─");
	for (unsigned i = 0; i < n; i++)
		if (rows[i].row->cause == cause)
			write_row(to, &rows[i], color);
	fputc('\n', to);
}

/* The display width: UTF-8 characters, not bytes. */
static int columns_of(const char *word, size_t n)
{
	int wide = 0;

	for (size_t i = 0; i < n; i++)
		wide += ((unsigned char)word[i] & 0xc0) != 0x80;
	return wide;
}

void nd_table_wrap(FILE *to, const char *text)
{
	int at = 0;

	while (*text) {
		size_t n = strcspn(text, " ");
		int wide = columns_of(text, n);
		if (at > 0 && at + 1 + wide > WRAP) {
			fputc('\n', to);
			at = 0;
		}
		fprintf(to, "%s%.*s", at > 0 ? " " : "", (int)n, text);
		at += wide + (at > 0);
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}
