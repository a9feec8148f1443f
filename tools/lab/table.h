/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - the rows of one cause as a table for a terminal. Pure. Threads: any. */
#pragma once

#include <stdio.h>
#include "tools/lab/row.h"

/* Writes all rows of the cause; `color`: with ANSI colours. */
void nd_table_write(FILE *to, enum nd_row_cause cause, const struct nd_row_result *rows, unsigned n,
		    const struct nd_row_plan *plan, bool color);
/* Writes text, wrapped between words. */
void nd_table_wrap(FILE *to, const char *text);
