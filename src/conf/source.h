/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - what a Corefile is made of besides its text: files, globs, the environment.
 *
 * Private to conf/.
 * Owns:    nothing; texts lie in the arena given.
 * Threads: one.
 */
#pragma once

#include "base/arena.h"
#include "conf/corefile.h"

enum { ND_SOURCE_PATH_MAX = 4096 };

/* The given source with the real reader, glob and environment where it has none; NULL: all real. */
struct nd_conf_source nd_source_complete(const struct nd_conf_source *given);

/* All of standard input; 0 or a negative error. */
int nd_source_read_stdin(struct nd_arena *a, char **text, size_t *n);

/* `path` as seen from the file `from`, cleaned of "." and "..", so that one file has one name
 * and a loop of imports is seen. NULL: too long, or no memory. */
char *nd_source_join(struct nd_arena *a, const char *from, const char *path);

/* {%NAME%} and {$NAME} replaced, as CoreDNS does it: a value is looked through again; an empty
 * name ends the search. NULL: values without end, or no memory. Text without a reference is
 * returned as it is. */
const char *nd_source_expand(const struct nd_conf_source *src, struct nd_arena *a,
			     const char *text);
