/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - a cause's rows as a table for a terminal, and in two sentences. Pure.
 *
 * Owns: nothing. Threads: one.
 */
#pragma once

#include <stdio.h>
#include "tools/lab/row.h"

/* All rows of the cause; `rich`: with colours. */
void nd_table_write(FILE *to, enum nd_row_cause cause, const struct nd_row_result *rows, unsigned n,
		    const struct nd_row_plan *plan, bool rich);

enum { ND_SUMMARY_TEXT = 1024 };
/* What was seen, said with the numbers. "" if the cause has no rows. */
void nd_summary_format(enum nd_row_cause cause, const struct nd_row_result *rows, unsigned n,
		       char text[ND_SUMMARY_TEXT]);
/* Text, broken between words. */
void nd_table_wrap(FILE *to, const char *text);
