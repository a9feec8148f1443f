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
	bool answers;      /* SUCCESS: has a record of the type asked, at the end of the CNAMEs */
	uint32_t signed_s; /* until the first signature expires; UINT32_MAX: not signed */
};

/* wall_ns: Unix time, read if there are signatures. An answer with a signature that is not valid
 * now is of kind OTHER, whatever the client's DO (CoreDNS: with DO only). */
struct nd_classify nd_classify_answer(const struct nd_query *q, uint64_t (*wall_ns)(void));
