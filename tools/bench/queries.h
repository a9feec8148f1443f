/* SPDX-License-Identifier: Apache-2.0 */
/* queries.h - a dnsperf query file: a name and a type per line.
 *
 * Owns:    its rows, on the heap.
 * Threads: one parses; then any may read the rows.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

struct nd_queries_row {
	struct nd_name_buf name;
	uint16_t type;
};

struct nd_queries {
	struct nd_queries_row *row;
	size_t n;
};

/* Parses lines `NAME TYPE`; ';' and '#' start comment lines. 0; ND_EFORMAT with the line and the
 * reason (line 0: the file has no queries); ND_ELIMIT: out of memory. */
int nd_queries_parse(struct nd_queries *qs, const char *text, unsigned *line, const char **why);
void nd_queries_clear(struct nd_queries *qs);
