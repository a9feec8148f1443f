/* SPDX-License-Identifier: Apache-2.0 */
/* classify.h - what kind of answer this is, and whether it may be kept (CoreDNS's response.Typify
 * and cache.key). */
#pragma once

#include <stdbool.h>
#include "core/query.h"

enum nd_classify_kind {
	ND_CLASSIFY_SUCCESS, /* records, or a referral */
	ND_CLASSIFY_NODATA,
	ND_CLASSIFY_NXDOMAIN,
	ND_CLASSIFY_FAILURE, /* SERVFAIL, NOTIMP */
	ND_CLASSIFY_OTHER,   /* never kept */
};

struct nd_classify {
	enum nd_classify_kind kind;
	bool delegation; /* kept with the shortest TTL */
	bool keep;
};

struct nd_classify nd_classify_answer(const struct nd_query *q);
