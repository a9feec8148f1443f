/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h - from the command line to a plan: files read, addresses parsed, limits raised.
 *
 * Errors: told on standard error, each with its cause; returns the exit status, 0 for none.
 */
#pragma once

#include "tools/bench/client.h"
#include "tools/bench/flags.h"

int nd_setup_plan(struct nd_plan *plan, const struct nd_flags *f);
void nd_setup_clear(struct nd_plan *plan);
