/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h - builds the plan from the command line: reads files, parses addresses, raises limits.
 *
 * Errors:  reported on standard error; returns the exit status, 0 for success.
 * Threads: one, before the clients start.
 */
#pragma once

#include "tools/bench/client.h"
#include "tools/bench/flags.h"

int nd_setup_plan(struct nd_plan *plan, const struct nd_flags *f);
void nd_setup_clear(struct nd_plan *plan);
