/* SPDX-License-Identifier: Apache-2.0 */
/* apicount.h - durations and results of requests to an API server, as client-go counts them for
 * CoreDNS's metrics.
 *
 * Threads: the loop's own.
 */
#pragma once

#include <stdint.h>

enum { ND_APICOUNT_BUCKETS = 11, ND_APICOUNT_CODES = 600 };

struct nd_apicount_times {
	uint64_t bucket[ND_APICOUNT_BUCKETS + 1]; /* not cumulative; the last: above all bounds */
	uint64_t n;
	double sum; /* s */
};

struct nd_apicount {
	struct nd_apicount_times lists;    /* each LIST, from when it was due to its last byte */
	struct nd_apicount_times held;     /* each request: delay by the configured limits */
	uint64_t codes[ND_APICOUNT_CODES]; /* requests by status; [0]: no response */
};

extern const double nd_apicount_bounds[ND_APICOUNT_BUCKETS]; /* s, ascending */

void nd_apicount_time(struct nd_apicount_times *t, uint64_t ns);
void nd_apicount_code(struct nd_apicount *c, int status);
