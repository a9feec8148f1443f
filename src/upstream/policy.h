/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - the order in which the upstreams of a group are tried for a query.
 *
 * Pure except for the random source. The policies are CoreDNS's, with one addition: `random` moves
 * an upstream after the others while its timers fire in a row.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ND_POLICY_HOSTS_MAX = 32 };

enum nd_policy { ND_POLICY_RANDOM, ND_POLICY_ROUND_ROBIN, ND_POLICY_SEQUENTIAL };

/* Writes the n indices in the order to try (1 <= n <= ND_POLICY_HOSTS_MAX). suspect: a bit per
 * index. turn: the number of this query, from 1 (round_robin: the first one goes to index 1, as in
 * CoreDNS). */
void nd_policy_order(enum nd_policy p, size_t n, uint32_t suspect, uint32_t turn,
		     uint8_t order[ND_POLICY_HOSTS_MAX]);
