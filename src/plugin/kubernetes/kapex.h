/* SPDX-License-Identifier: Apache-2.0 */
/* kapex.h - the zone apex: SOA, NS and the server's own addresses at ns.dns. Workers. */
#pragma once

#include "plugin/kubernetes/kconf.h"

/* Adds the SOA; zone is in the query's case. 0 or ND_ELIMIT. */
int nd_kapex_soa(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
		 enum nd_section section);
/* Parts of the SOA. */
enum { ND_KAPEX_SOA_MAX = 2 * ND_NAME_MAX + 38 };
uint32_t nd_kapex_serial(const struct nd_kconf *c, struct nd_name zone);
uint32_t nd_kapex_soa_ttl(const struct nd_kconf *c);
size_t nd_kapex_soa_data(const struct nd_kconf *c, struct nd_name zone, uint32_t serial,
			 uint8_t out[ND_KAPEX_SOA_MAX]);
/* Visits the names and addresses of the servers; first: the name was not visited before. 0 or
 * ND_ELIMIT. */
int nd_kapex_servers(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
		     void (*visit)(void *ctx, struct nd_name name, const uint8_t *ip, uint8_t n,
				   bool first),
		     void *ctx);
/* Adds NS, with the addresses in the additional section. */
int nd_kapex_ns(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone);
/* Does the server have an address of that type? */
bool nd_kapex_has_address(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
			  uint16_t qtype);
/* Adds the addresses of type qtype at owner. */
int nd_kapex_addresses(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
		       struct nd_name owner, uint16_t qtype);
