/* SPDX-License-Identifier: Apache-2.0 */
/* corefile.h - Corefile text to server blocks: the grammar, and nothing of what words mean.
 *
 * Grammar, import, snippets, environment, quoting: as CoreDNS's (coredns/caddy's caddyfile).
 * Owns:    all text lies in the arena given.
 * Errors:  ND_ECONF with diag naming file, line, token and what would be right.
 * Threads: one; reads files (through the reader that the caller may give).
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

/* One line: its words, and the block behind it if it ends in "{". */
struct nd_conf_line {
	const char *name; /* the first word */
	const char *const *args;
	size_t nargs;
	const char *file;
	int line;
	bool has_block;             /* even an empty one */
	struct nd_conf_line *block; /* the lines between the braces; nested blocks as they come */
	size_t nblock;
};

struct nd_conf_server {
	struct nd_conf_token *keys; /* as written; core/site gives them a meaning */
	size_t nkeys;
	struct nd_conf_line *directives; /* in the order of the text */
	size_t ndirectives;
};

struct nd_conf {
	struct nd_conf_server *servers;
	size_t nservers;
	/* Of all tokens with their line numbers, files and imports included: two texts with the
	 * same hash configure the same server (CoreDNS's reload: a comment line on top is a
	 * change, indentation is not). */
	uint64_t hash;
	const char *warnings; /* "" or lines: a glob import that matched nothing, ... */
};

/* How files, globs and the environment are read; NULL members: the real ones. A test or a
 * fuzzer gives its own. */
struct nd_conf_source {
	void *ctx;
	/* The whole file into the arena, NUL-terminated; 0 or a negative error. */
	int (*read_file)(void *ctx, const char *path, struct nd_arena *a, char **text, size_t *n);
	/* Paths matching, sorted, into the arena. */
	int (*glob)(void *ctx, const char *pattern, struct nd_arena *a, char ***paths, size_t *n);
	const char *(*env)(void *ctx, const char *name);
};

/* text is the content of `file` (the name used in messages, and the base of relative imports). */
int nd_corefile_parse(const char *file, const char *text, size_t n,
		      const struct nd_conf_source *src, struct nd_arena *a, struct nd_conf *out,
		      struct nd_diag *d);
/* Reads the file (or standard input for "stdin") and parses it. */
int nd_corefile_load(const char *file, const struct nd_conf_source *src, struct nd_arena *a,
		     struct nd_conf *out, struct nd_diag *d);
/* What CoreDNS serves when there is no Corefile: whoami and log, on the default port (-dns.port). */
extern const char nd_corefile_default[];
