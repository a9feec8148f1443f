/* SPDX-License-Identifier: Apache-2.0 */
/* search.h - the names that a resolver tries for one that it is given: search list and ndots.
 *
 * Owns: all by value. Threads: one makes it, then any read.
 */
#pragma once

#include "tools/bench/resolv.h"
#include "tools/bench/style.h"

struct nd_search {
	struct nd_name_buf name[ND_RESOLV_SEARCH + 1]; /* in the order tried */
	unsigned n;
	unsigned as_is; /* index of the name as given; always there */
};

/* 0, or ND_EFORMAT: host is no domain name. Candidates that get too long are left out. */
int nd_search_init(struct nd_search *s, const char *host, const struct nd_resolv *r,
		   const struct nd_style *style);
/* The index to go on with after candidate `at` ended so; s->n: the lookup is over. */
unsigned nd_search_next(const struct nd_search *s, unsigned at, enum nd_style_next next);
