/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - a run's figures as text and as JSON. Threads: one. */
#pragma once

#include <stdio.h>
#include "tools/bench/client.h"

/* What the last second brought; `before` is the requests that were known then. */
struct nd_report_progress {
	uint64_t second, requests, errors, slow;
};
/* One line; keeps what it told in *p. */
void nd_report_progress(FILE *to, const struct nd_stats *s, struct nd_report_progress *p);
/* The three classic lines, percentiles, what it took, and what the errors were. */
void nd_report_text(FILE *to, const struct nd_plan *plan, uint64_t took_ns);
void nd_report_json(FILE *to, const struct nd_plan *plan, uint64_t took_ns);
