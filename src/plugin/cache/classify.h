/* SPDX-License-Identifier: Apache-2.0 */
/* classify.h - the kind of an answer, and whether it may be stored (CoreDNS's response.Typify and
 * cache.key).
 *
 * Threads: workers. Reads the query, changes nothing.
 */
#pragma once

#include <stdbool.h>
#include "core/query.h"

enum nd_classify_kind {
	ND_CLASSIFY_SUCCESS, /* records, or a referral */
	ND_CLASSIFY_NODATA,
	ND_CLASSIFY_NXDOMAIN,
	ND_CLASSIFY_FAILURE, /* SERVFAIL, NOTIMP */
	ND_CLASSIFY_OTHER,   /* never stored */
};

struct nd_classify {
	enum nd_classify_kind kind;
	bool delegation; /* stored with the minimum TTL */
	bool keep;
};

struct nd_classify nd_classify_answer(const struct nd_query *q);
