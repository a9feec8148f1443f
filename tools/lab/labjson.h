/* SPDX-License-Identifier: Apache-2.0 */
/* labjson.h - the results of a run as JSON: the tables, and a little more. Pure. */
#pragma once

#include <stdio.h>
#include "tools/lab/bars.h"

void nd_labjson_write(FILE *to, const struct nd_row_result *rows, unsigned n,
		      const struct nd_row_plan *plan, const struct nd_bars *bars);
