/* SPDX-License-Identifier: Apache-2.0 */
/* flags.h - a command line as Go's flag package reads it: -name, --name, -name=value, -name value;
 * a switch is on without a value, and takes one only behind a `=`.
 *
 * Owns:    nothing; values are argv's own text.
 * Errors:  said on standard error, in the words of Go's package; the exit status is returned.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_flag_kind {
	ND_FLAG_TEXT,   /* const char * */
	ND_FLAG_SWITCH, /* bool */
};

struct nd_flag {
	const char *name;
	enum nd_flag_kind kind;
	size_t where; /* offset in the options */
	const char *help;
};

enum { ND_FLAGS_CONTINUE = -1 };

/* Fills options, which hold the defaults, by the n rows of the table. `program` is for the help
 * text. ND_FLAGS_CONTINUE; else it is over, with this exit status: 0 after -help, 2 for a bad flag,
 * 1 for a word that is none. */
int nd_flags_parse(const struct nd_flag *table, size_t n, const char *program, int argc,
		   char **argv, void *options);
/* The port that a flag of this name was given; false, and said, where it is none. */
bool nd_flags_port(const char *name, const char *text, uint16_t *out);
