/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - files, globs and environment variables for the Corefile parser.
 *
 * Private to conf/.
 * Owns:    nothing; all results are in the caller's arena.
 * Errors:  0 or a negative error; NULL where a pointer is returned.
 * Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "conf/corefile.h"

enum { ND_SOURCE_PATH_MAX = 4096 };

/* The given source with its NULL members replaced by the real reader, glob and environment. given
 * may be NULL. */
struct nd_conf_source nd_source_complete(const struct nd_conf_source *given);

/* Reads all of standard input. */
int nd_source_read_stdin(struct nd_arena *a, char **text, size_t *n);

/* `path` relative to the file `from`, without "." and "..": each file has one name, so import
 * loops can be detected. NULL: too long, or out of memory. */
char *nd_source_join(struct nd_arena *a, const char *from, const char *path);

/* Replaces {%NAME%} and {$NAME} as CoreDNS does: references in values are expanded too; an empty
 * name ends the search. NULL: endless or too long, or out of memory. Text without a reference is
 * returned unchanged. */
const char *nd_source_expand(const struct nd_conf_source *src, struct nd_arena *a,
			     const char *text);
