/* SPDX-License-Identifier: Apache-2.0 */
/* summary.h - the results of one cause in a few sentences. Pure. Threads: any. */
#pragma once

#include "tools/lab/row.h"

enum { ND_SUMMARY_TEXT = 1024 };

/* Writes the summary of a cause's rows; "" if it has none. */
void nd_summary_format(enum nd_row_cause cause, const struct nd_row_result *rows, unsigned n,
		       char text[ND_SUMMARY_TEXT]);
