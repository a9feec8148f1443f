/* SPDX-License-Identifier: Apache-2.0 */
/* search.h - the candidate names that a resolver tries for a host name: search list and ndots.
 *
 * Owns:    everything by value.
 * Threads: one initializes; then any may read.
 */
#pragma once

#include "tools/bench/resolv.h"
#include "tools/bench/style.h"

struct nd_search {
	struct nd_name_buf name[ND_RESOLV_SEARCH + 1]; /* in order */
	unsigned n;
	unsigned as_is; /* index of the name as given, which is always a candidate */
};

/* 0, or ND_EFORMAT: host is not a domain name. Candidates that would be too long are omitted. */
int nd_search_init(struct nd_search *s, const char *host, const struct nd_resolv *r,
		   const struct nd_style *style);
/* The index of the candidate after `at`, given its result; s->n: the lookup has ended. */
unsigned nd_search_next(const struct nd_search *s, unsigned at, enum nd_style_next next);
