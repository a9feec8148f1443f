/* SPDX-License-Identifier: Apache-2.0 */
/* queries.h - a query file of dnsperf: a name and a type a line.
 *
 * Owns:    its rows, on the heap.
 * Threads: one reads the file; then any read the rows.
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

/* Reads text: lines `NAME TYPE`; ';' and '#' start comment lines. 0; or ND_EFORMAT with the line
 * and what is wrong with it; ND_ELIMIT without memory. Empty files are ND_EFORMAT, line 0. */
int nd_queries_parse(struct nd_queries *qs, const char *text, unsigned *line, const char **why);
void nd_queries_clear(struct nd_queries *qs);
