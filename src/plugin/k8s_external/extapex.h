/* SPDX-License-Identifier: Apache-2.0 */
/* extapex.h - the zone apex and the names of its servers. Workers. */
#pragma once

#include "core/query.h"
#include "plugin/k8s_external/k8s_external.h"

enum { ND_EXTAPEX_SOA_MAX = 2 * ND_NAME_MAX + 20 };

/* A name below a zone: "ns1.APEX.ZONE". 0 or ND_ELIMIT. */
int nd_extapex_name(const struct nd_external *e, const char *label, struct nd_name zone,
		    struct nd_name_buf *buf, struct nd_name *out);
/* Writes the SOA's rdata and returns its length; 0: a name in it is too long. */
size_t nd_extapex_soa_data(const struct nd_external *e, struct nd_name zone,
			   uint8_t out[ND_EXTAPEX_SOA_MAX]);
/* A negative answer (NXDOMAIN or NODATA) with the SOA in the authority section. */
enum nd_verdict nd_extapex_nothing(const struct nd_external *e, struct nd_query *q,
				   struct nd_name zone, uint16_t rcode);
/* Answers names of the apex and the servers of any zone. False: the name is not one of these. */
bool nd_extapex_answer(const struct nd_external *e, struct nd_query *q, struct nd_name zone,
		       enum nd_verdict *verdict);
