/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - the results of a run as text and as JSON. Threads: one. */
#pragma once

#include <stdio.h>
#include "tools/bench/client.h"

/* The totals that the last progress line was based on. */
struct nd_report_progress {
	uint64_t second, requests, errors, slow;
};
/* Writes one line for the last second and updates *p. */
void nd_report_progress(FILE *to, const struct nd_stats *s, struct nd_report_progress *p);
/* The three lines of testdns, then percentiles, rate, sockets used and the errors by cause. */
void nd_report_text(FILE *to, const struct nd_plan *plan, uint64_t took_ns);
void nd_report_json(FILE *to, const struct nd_plan *plan, uint64_t took_ns);
