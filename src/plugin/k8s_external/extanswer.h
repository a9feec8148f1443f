/* SPDX-License-Identifier: Apache-2.0 */
/* extanswer.h - answers for names of Services. Workers. */
#pragma once

#include "core/query.h"
#include "plugin/k8s_external/k8s_external.h"

/* State of a query while its hosts are looked up. */
struct nd_extanswer {
	struct nd_name *host; /* in the query's memory */
	size_t n, at;
	bool second; /* SRV: AAAA follows A */
};

/* Answers every name except the apex and the server names. */
enum nd_verdict nd_extanswer_names(const struct nd_external *e, struct nd_query *q,
				   struct nd_name zone);
