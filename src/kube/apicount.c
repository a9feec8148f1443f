/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/apicount.h"

#include "base/time.h"

/* The defaults of Prometheus's Go client, which CoreDNS uses. */
const double nd_apicount_bounds[ND_APICOUNT_BUCKETS] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
							 0.5,   1,    2.5,   5,    10 };

void nd_apicount_time(struct nd_apicount_times *t, uint64_t ns)
{
	double s = (double)ns / ND_NS_PER_S;
	unsigned i = 0;

	while (i < ND_APICOUNT_BUCKETS && s > nd_apicount_bounds[i])
		i++;
	t->bucket[i]++;
	t->n++;
	t->sum += s;
}

void nd_apicount_code(struct nd_apicount *c, int status)
{
	c->codes[status > 0 && status < ND_APICOUNT_CODES ? status : 0]++;
}
