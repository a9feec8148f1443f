/* SPDX-License-Identifier: Apache-2.0 */
/* apicount.h - what requests to an API server took and came to, as client-go counts it for
 * CoreDNS's metrics.
 *
 * Threads: the loop's own.
 */
#pragma once

#include <stdint.h>

enum { ND_APICOUNT_BUCKETS = 11, ND_APICOUNT_CODES = 600 };

struct nd_apicount_times {
	uint64_t bucket[ND_APICOUNT_BUCKETS + 1]; /* not cumulated; the last: over the top */
	uint64_t n;
	double sum; /* s */
};

struct nd_apicount {
	struct nd_apicount_times lists;    /* of each LIST, from when it was due to its last byte */
	struct nd_apicount_times held;     /* of each request, by the limits that were set */
	uint64_t codes[ND_APICOUNT_CODES]; /* requests by their status; [0]: without any */
};

extern const double nd_apicount_bounds[ND_APICOUNT_BUCKETS]; /* s, ascending */

void nd_apicount_time(struct nd_apicount_times *t, uint64_t ns);
void nd_apicount_code(struct nd_apicount *c, int status);
