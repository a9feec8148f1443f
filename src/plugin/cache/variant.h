/* SPDX-License-Identifier: Apache-2.0 */
/* variant.h - may the answer to this client's message be kept for other clients?
 *
 * A key of the cache holds the name, type, class, DO and CD. All else that a client may put into
 * its message is forwarded too and may change the answer: a query without RD gets a referral, one
 * with a client subnet (RFC 7871) an answer for that subnet, one with an option that the upstream
 * does not know perhaps SERVFAIL.
 *
 * Threads: workers. Reads the query, changes nothing.
 */
#pragma once

#include "core/query.h"

enum nd_variant {
	ND_VARIANT_ORDINARY, /* RD, and of AD, CD, DO any: kept for all */
	/* With options that concern one hop only and do not select an answer (NSID, cookie,
	 * keepalive, padding): kept for queries of this variant. */
	ND_VARIANT_HOP,
	ND_VARIANT_OWN, /* not kept */
};

/* Options that the server's own configuration set (nd_query.server_options) do not count. */
enum nd_variant nd_variant_of(const struct nd_query *q);
