/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/policy.h"

#include <string.h>
#include "base/err.h"
#include "io/random.h"

/* Fisher-Yates. */
static void shuffle(uint8_t *order, size_t n)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t k = nd_random_below((uint32_t)i + 1);
		uint8_t tmp = order[i];
		order[i] = order[k];
		order[k] = tmp;
	}
}

/* Moves the suspects after the others; the order within both groups is kept. */
static void suspects_last(uint8_t *order, size_t n, uint32_t suspect)
{
	uint8_t late[ND_POLICY_HOSTS_MAX];
	size_t good = 0, bad = 0;

	for (size_t i = 0; i < n; i++) {
		if (suspect >> order[i] & 1)
			late[bad++] = order[i];
		else
			order[good++] = order[i];
	}
	memcpy(order + good, late, bad);
}

void nd_policy_order(enum nd_policy p, size_t n, uint32_t suspect, uint32_t turn,
		     uint8_t order[ND_POLICY_HOSTS_MAX])
{
	ND_ASSERT(n >= 1 && n <= ND_POLICY_HOSTS_MAX);
	for (size_t i = 0; i < n; i++)
		order[i] = (uint8_t)i;
	switch (p) {
	case ND_POLICY_RANDOM:
		shuffle(order, n);
		suspects_last(order, n, suspect);
		break;
	case ND_POLICY_ROUND_ROBIN: {
		/* The upstream at `turn` comes first; the others stay as configured. */
		uint8_t first = (uint8_t)(turn % n);
		memmove(order + 1, order, first);
		order[0] = first;
		break;
	}
	case ND_POLICY_SEQUENTIAL: break;
	}
}
