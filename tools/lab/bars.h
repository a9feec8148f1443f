/* SPDX-License-Identifier: Apache-2.0 */
/* bars.h - the results that each row must show (its bars), and a message for each that it did not.
 * Pure.
 *
 * Owns:    nothing.
 * Threads: any.
 */
#pragma once

#include "tools/lab/row.h"

enum { ND_BARS_MAX = 64, ND_BARS_TEXT = 160, ND_BARS_SLOW_MS = 250 };

struct nd_bars {
	unsigned checked, missed;
	char text[ND_BARS_MAX][ND_BARS_TEXT]; /* a message for each missed one */
};

/* Comparisons between rows cover the rows that were run. `default_buffers`: the host's default
 * receive buffer is Linux's, so a burst overflows it. */
void nd_bars_check(struct nd_bars *b, const struct nd_row_result *rows, unsigned n,
		   bool default_buffers);
