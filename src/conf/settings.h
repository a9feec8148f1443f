/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - reads a plugin's block according to a table of settings.
 *
 * One row per setting. Settings that do not fit a table (words that depend on each other, lists,
 * rules) are read by the plugin's setup with the value readers below. Rows of kind ND_SET_OWN
 * name these words, so the table lists all known words.
 * Owns:    nothing; text values borrow the arena of the configuration.
 * Errors:  ND_ECONF with file, line, plugin, word and the expected value.
 * Threads: any.
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
	ND_SET_NOTYET,   /* of CoreDNS, not supported yet: rejected by name */
};

struct nd_setting {
	const char *name;
	enum nd_setting_kind kind;
	size_t where;     /* offset in the plugin's self */
	int64_t min, max; /* max 0: the largest value of the kind */
	int64_t def;      /* written into self before the block is read (TEXT: not used) */
	const char *help; /* the arguments or the meaning, for the reader of the table */
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

/* Reads the lines of the block into self. A word of kind ND_SET_OWN is passed to own(self, line,
 * ctx), which returns 0 or ND_ECONF. A word not in the table is rejected, or passed to own too if
 * `own_rest` is set (hosts: lines of addresses). */
int nd_settings_read(const struct nd_setting *table, const char *plugin,
		     const struct nd_conf_line *directive, void *self,
		     int (*own)(void *self, const struct nd_conf_line *line, void *ctx), void *ctx,
		     bool own_rest, struct nd_diag *d);

/* Value readers for setup functions. The output is set only on success. */

/* A duration as Go's time.ParseDuration reads it. 0 or ND_EFORMAT. */
int nd_settings_duration(const char *text, int64_t *ns);
/* A decimal number up to max. 0 or ND_EFORMAT. */
int nd_settings_uint(const char *text, uint64_t max, uint64_t *out);
/* Checks the number of arguments; max SIZE_MAX: no limit. 0 or ND_ECONF with diag. */
int nd_settings_args(const struct nd_conf_line *line, const char *plugin, size_t min, size_t max,
		     struct nd_diag *d);
