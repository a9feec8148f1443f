/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.h - answers a query from a zone, as CoreDNS's file plugin does (plugin/file/lookup.go).
 *
 * Every answer has AA but a referral. A positive one has the zone's NS in its authority section and
 * the addresses of MX, SRV, SVCB and HTTPS targets in its additional section. A CNAME or DNAME is
 * followed in the zone, and from its end to the whole server by a sub-query. With DO, signatures
 * and NSEC records of the zone are added.
 *
 * Owns:    nothing.
 * Threads: the query's worker, in an RCU read-side section.
 */
#pragma once

#include "core/query.h"
#include "core/setup.h"
#include "zone/tree.h"

enum {
	ND_LOOKUP_CHAIN_MAX = 9,     /* CNAMEs that are followed in the zone */
	ND_LOOKUP_NESTED_MAX = 8,    /* levels of sub-queries, as in CoreDNS */
	ND_LOOKUP_TARGETS_MAX = 512, /* distinct targets with addresses in an answer */
};

/* The child's answer, read by the calling plugin's function, which calls nd_lookup_target(). */
typedef enum nd_verdict nd_lookup_done(const void *self, struct nd_query *q,
				       struct nd_query *child);

/* The question is at or below t's origin. fall: may be NULL. */
enum nd_verdict nd_lookup_answer(struct nd_query *q, const struct nd_tree *t,
				 const struct nd_fallthrough *fall, nd_lookup_done *done);
/* Completes an answer with that of the sub-query. t: the zone as it is now; NULL: it is gone. */
enum nd_verdict nd_lookup_target(struct nd_query *q, const struct nd_tree *t,
				 const struct nd_query *child);
