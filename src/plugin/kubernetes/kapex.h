/* SPDX-License-Identifier: Apache-2.0 */
/* kapex.h - what stands at the zone itself: SOA, NS, and the server's own addresses at ns.dns. Workers. */
#pragma once

#include "plugin/kubernetes/kconf.h"

/* The SOA of the zone, whose letters are the question's. 0 or ND_ELIMIT. */
int nd_kapex_soa(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
		 enum nd_section section);
/* NS with the addresses in the additional section. */
int nd_kapex_ns(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone);
/* Is there an address of that type? */
bool nd_kapex_has_address(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
			  uint16_t qtype);
/* The addresses of the asked type, owned by the question's name. */
int nd_kapex_addresses(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
		       struct nd_name owner, uint16_t qtype);
