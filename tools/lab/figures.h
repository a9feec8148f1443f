/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - the results of one row: what the load generator measured, and what the kernel and the
 * rules counted during the run.
 *
 * Pure.
 */
#pragma once

#include <stdint.h>
#include "tools/lab/counters.h"

struct nd_figures {
	uint64_t requests, errors, timeouts;
	double min_ms, max_ms, avg_ms, p99_ms;
	struct nd_counters counted;
};

/* Reads the output of `nodens bench -json`; `counted` is zero. 0 or ND_EFORMAT. */
int nd_figures_parse(const char *json, struct nd_figures *figures);
