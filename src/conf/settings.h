/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - a table says what a plugin's block may hold; this reads a block by the table.
 *
 * A setting is one row. What a table cannot say (words that depend on each other, lists, rules) is
 * read in the plugin's setup, with the value readers below; rows of kind ND_SET_OWN name such words,
 * so that the list of known words is whole.
 * Errors: ND_ECONF with file, line, plugin, word and what would be right.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conf/corefile.h"

enum nd_setting_kind {
	ND_SET_FLAG,  /* bool; takes no argument */
	ND_SET_COUNT, /* uint32_t, min..max */
	ND_SET_SECS,  /* uint32_t seconds, from a bare number or a Go duration of whole seconds */
	ND_SET_DURATION, /* int64_t nanoseconds, Go duration ("1m30s", "500ms"); min, max in ns */
	ND_SET_TEXT,     /* const char *, one argument, borrowed from the arena */
	ND_SET_OWN,      /* read by the plugin itself */
	ND_SET_NOTYET,   /* CoreDNS knows it, this build does not: refused by name */
};

struct nd_setting {
	const char *name;
	enum nd_setting_kind kind;
	size_t where;     /* offset in the plugin's self */
	int64_t min, max; /* max 0: as much as the kind holds */
	int64_t def;      /* written into self before the block is read (TEXT: not used) */
	const char *help; /* for the reference in the plugin's README, and error texts */
};

/* Rows without a field in self: words read by the plugin; words that are refused. */
#define ND_SET_OWN_ROW(name_, help_)                                 \
	{                                                            \
		.name = (name_), .kind = ND_SET_OWN, .help = (help_) \
	}
#define ND_SET_NOTYET_ROW(name_, help_)                                 \
	{                                                               \
		.name = (name_), .kind = ND_SET_NOTYET, .help = (help_) \
	}

/* Writes the defaults of all rows into self. */
void nd_settings_defaults(const struct nd_setting *table, void *self);

/* Reads the lines of the block by the table into self. A word with kind OWN is handed to `own`
 * (self, line, ctx), which returns 0 or ND_ECONF. A word not in the table is refused; with
 * `own_rest` it is handed to own as well (hosts: lines of addresses). */
int nd_settings_read(const struct nd_setting *table, const char *plugin,
		     const struct nd_conf_line *directive, void *self,
		     int (*own)(void *self, const struct nd_conf_line *line, void *ctx), void *ctx,
		     bool own_rest, struct nd_diag *d);

/* Value readers for setup functions. Each refuses with file, line, "plugin/NAME: " and cure. */
int nd_settings_duration(const char *text,
			 int64_t *ns); /* Go's time.ParseDuration; 0 or ND_EFORMAT */
int nd_settings_uint(const char *text, uint64_t max, uint64_t *out); /* decimal; 0 or ND_EFORMAT */
int nd_settings_args(const struct nd_conf_line *line, const char *plugin, size_t min, size_t max,
		     struct nd_diag *d); /* number of arguments; max SIZE_MAX: any */
