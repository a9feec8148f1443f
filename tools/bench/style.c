/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/style.h"

#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "wire/type.h"

enum { NDOTS_MAX = 15 };

static const struct nd_style *const styles[] = {
	&nd_style_go, &nd_style_glibc, &nd_style_musl, &nd_style_parallel, &nd_style_system,
};

const struct nd_style *nd_style_at(size_t i)
{
	return i < ND_COUNT(styles) ? styles[i] : NULL;
}

const struct nd_style *nd_style_find(const char *name)
{
	for (size_t i = 0; i < ND_COUNT(styles); i++)
		if (strcmp(styles[i]->name, name) == 0)
			return styles[i];
	return NULL;
}

void nd_style_limit(const struct nd_style *s, struct nd_resolv *r)
{
	if (r->ndots > NDOTS_MAX)
		r->ndots = NDOTS_MAX;
	if (s->timeout_max_s && r->timeout_s > s->timeout_max_s)
		r->timeout_s = s->timeout_max_s;
	if (s->attempts_max && r->attempts > s->attempts_max)
		r->attempts = s->attempts_max;
}

struct nd_outcome nd_style_outcome(const struct nd_question *q, size_t n)
{
	struct nd_outcome how = { ND_OUTCOME_RCODE, ND_RCODE_NXDOMAIN };

	for (size_t i = 0; i < n; i++)
		if (q[i].answered && q[i].rcode == 0 && q[i].records > 0)
			return (struct nd_outcome){ ND_OUTCOME_OK, 0 };
	for (size_t i = 0; i < n; i++) {
		if (!q[i].answered)
			return (struct nd_outcome){ ND_OUTCOME_TIMEOUT, 0 };
		if (!nd_style_is_usable(&q[i]))
			return (struct nd_outcome){ ND_OUTCOME_RCODE, q[i].rcode };
		if (q[i].rcode == 0)
			how = (struct nd_outcome){ ND_OUTCOME_NODATA, 0 };
	}
	return how;
}

struct nd_outcome nd_style_failed(int err)
{
	if (err == -ETIMEDOUT)
		return (struct nd_outcome){ ND_OUTCOME_TIMEOUT, 0 };
	if (err == -ECANCELED)
		return (struct nd_outcome){ ND_OUTCOME_STOPPED, 0 };
	return (struct nd_outcome){ ND_OUTCOME_ERRNO, -err };
}
