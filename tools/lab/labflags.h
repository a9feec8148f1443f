/* SPDX-License-Identifier: Apache-2.0 */
/* labflags.h - the command line of the lab.
 *
 * Owns:    nothing; texts are argv's.
 * Threads: any.
 */
#pragma once

#include <stdio.h>
#include "tools/lab/row.h"

enum { ND_LABFLAGS_WHY = 384, ND_LABFLAGS_QUICK_S = 10, ND_LABFLAGS_S = 30 };

struct nd_labflags {
	struct nd_row_plan plan; /* plan.nodens: NULL unless given */
	const char *json;
	bool cause[ND_ROW_CAUSES]; /* causes to run */
	bool quick, show, help;
};

/* 0, or ND_EFORMAT with a message in why. Takes one dash or two, `-x 1` or `-x=1`. */
int nd_labflags_parse(struct nd_labflags *f, int argc, char **argv, char why[ND_LABFLAGS_WHY]);
void nd_labflags_usage(FILE *to);
