/* SPDX-License-Identifier: Apache-2.0 */
/* kanswer.h - writes a lookup's result into the answer. Workers, under the RCU read lock.
 *
 * Each returns 0, or ND_ELIMIT when the answer is full; the records that fit remain.
 */
#pragma once

#include "plugin/kubernetes/kfind.h"

enum {
	/* Endpoints, and ports of each, that are looked at for one answer. Many may have the same
	 * address, so that the answer never fills; its records are at most 4,096. */
	ND_KANSWER_STEPS_MAX = 1 << 16,
};

/* A or AAAA of a Service, endpoints, a pod or the server. owner: in the case to write. */
int nd_kanswer_addresses(const struct nd_kconf *c, struct nd_query *q, const struct nd_kfind *f,
			 struct nd_name zone, struct nd_name owner, uint16_t qtype);
/* Would nd_kanswer_addresses write any? */
bool nd_kanswer_has_addresses(const struct nd_kconf *c, struct nd_query *q,
			      const struct nd_kfind *f, struct nd_name zone, uint16_t qtype);
/* SRV and the targets' addresses. zone: in the query's case, which the targets repeat. */
int nd_kanswer_srv(const struct nd_kconf *c, struct nd_query *q, const struct nd_kfind *f,
		   struct nd_name zone);
int nd_kanswer_cname(const struct nd_kconf *c, struct nd_query *q, struct nd_name owner,
		     const struct nd_kservice *s);
