/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - in which order the upstreams of a group are tried for a question.
 *
 * Pure but for the random source. CoreDNS's policies, with one addition: `random` puts upstreams
 * behind the others while their timers fire in a row.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ND_POLICY_HOSTS_MAX = 32 };

enum nd_policy { ND_POLICY_RANDOM, ND_POLICY_ROUND_ROBIN, ND_POLICY_SEQUENTIAL };

/* Writes the n indices in the order to try (1 <= n <= ND_POLICY_HOSTS_MAX). suspect: bit per index.
 * turn: the number of this question, from 1 (round_robin: the first goes to index 1, as in
 * CoreDNS). */
void nd_policy_order(enum nd_policy p, size_t n, uint32_t suspect, uint32_t turn,
		     uint8_t order[ND_POLICY_HOSTS_MAX]);
