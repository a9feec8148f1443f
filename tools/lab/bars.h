/* SPDX-License-Identifier: Apache-2.0 */
/* bars.h - what the rows must show, and which of it they did not. Pure.
 *
 * Owns: nothing. Threads: one.
 */
#pragma once

#include "tools/lab/row.h"

enum { ND_BARS_MAX = 64, ND_BARS_TEXT = 160, ND_BARS_SLOW_MS = 250 };

struct nd_bars {
	unsigned checked, missed;
	char text[ND_BARS_MAX][ND_BARS_TEXT]; /* of those missed */
};

/* Bars between rows hold for those that were run. `buffers`: the host's default receive buffer is
 * Linux's, so that a burst of the usual size is one. */
void nd_bars_check(struct nd_bars *b, const struct nd_row_result *rows, unsigned n, bool buffers);
