/* SPDX-License-Identifier: Apache-2.0 */
/* corefile.h - parses a Corefile into server blocks. Only the grammar; the words get their meaning
 * elsewhere.
 *
 * Grammar, import, snippets, environment variables and quoting follow CoreDNS (coredns/caddy,
 * package caddyfile).
 *
 * Owns:    nothing; all results are in the caller's arena.
 * Errors:  ND_ECONF; the diag names file, line, token and what is expected.
 * Threads: one at a time; control thread. Reads files, through the caller's reader if given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "conf/diag.h"

struct nd_conf_token {
	const char *text;
	const char *file;
	int line;
};

/* One line: its words, and its block if it ends in "{". */
struct nd_conf_line {
	const char *name; /* the first word */
	const char *const *args;
	size_t nargs;
	const char *file;
	int line;
	bool has_block;             /* even an empty one */
	struct nd_conf_line *block; /* the lines between the braces */
	size_t nblock;
};

struct nd_conf_server {
	struct nd_conf_token *keys; /* as written; core/site interprets them */
	size_t nkeys;
	struct nd_conf_line *directives; /* in textual order */
	size_t ndirectives;
};

struct nd_conf {
	struct nd_conf_server *servers;
	size_t nservers;
	/* Covers all tokens with file names and line numbers, imports included. Equal hashes mean
	 * equal configurations. As in CoreDNS's reload plugin, an added comment line is a change;
	 * indentation is not. */
	uint64_t hash;
	const char *warnings; /* "" or lines, such as a glob import without a match */
};

/* How files, globs and the environment are read. A NULL member means the real one; tests and fuzz
 * targets supply their own. */
struct nd_conf_source {
	void *ctx;
	/* Reads the whole file into the arena, NUL-terminated. 0 or a negative error. */
	int (*read_file)(void *ctx, const char *path, struct nd_arena *a, char **text, size_t *n);
	/* Stores the matching paths, sorted, in the arena. */
	int (*glob)(void *ctx, const char *pattern, struct nd_arena *a, char ***paths, size_t *n);
	const char *(*env)(void *ctx, const char *name);
};

/* text is the content of `file`, which is used in messages and as the base of relative
 * imports. */
int nd_corefile_parse(const char *file, const char *text, size_t n,
		      const struct nd_conf_source *src, struct nd_arena *a, struct nd_conf *out,
		      struct nd_diag *d);
/* Reads the file (or standard input for "stdin") and parses it. */
int nd_corefile_load(const char *file, const struct nd_conf_source *src, struct nd_arena *a,
		     struct nd_conf *out, struct nd_diag *d);
/* CoreDNS's configuration without a Corefile: whoami and log, on the default port (-dns.port). */
extern const char nd_corefile_default[];
