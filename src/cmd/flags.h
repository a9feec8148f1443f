/* SPDX-License-Identifier: Apache-2.0 */
/* flags.h - parses a command line like Go's flag package: -name, --name, -name=value, -name value.
 * A switch without a value is true, and takes a value only after `=`.
 *
 * Owns:    nothing; values are argv's own text.
 * Errors:  printed on standard error, with the texts of Go's package; the exit status is returned.
 * Threads: any.
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

/* Sets options, which hold the defaults, from argv by the n rows of the table. `program` is for the
 * help text. ND_FLAGS_CONTINUE, or the status to exit with: 0 after -help, 2 for an invalid flag, 1
 * for an argument that is not a flag. */
int nd_flags_parse(const struct nd_flag *table, size_t n, const char *program, int argc,
		   char **argv, void *options);
/* Parse the value of the flag `name`: a port; the size of a UDP answer. False, after a message, if
 * it is invalid. */
bool nd_flags_port(const char *name, const char *text, uint16_t *out);
bool nd_flags_udp_size(const char *name, const char *text, uint16_t *out);
/* A number of bytes as Kubernetes writes it: "170Mi", "1G", "180000000"; "170MiB" too. */
bool nd_flags_bytes(const char *name, const char *text, uint64_t min, uint64_t *out);
