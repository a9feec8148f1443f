/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/store_parts.h"

enum { HITS_BITS = 16, HITS_MAX = (1 << HITS_BITS) - 1 };

unsigned nd_store_uses(const struct nd_store *s, uint32_t at)
{
	return (nd_store_uses_at(s, at) & ND_STORE_LIFE) / ND_STORE_LIFE_ONE;
}

/* CoreDNS's freq.Update. Hits of several workers at once may count as one. */
uint32_t nd_store_count_hit(struct nd_store *s, uint32_t at, uint64_t now_ns, uint64_t gap_ns)
{
	_Atomic uint64_t *hits = &s->heat[at].hits;
	uint64_t was = ND_STORE_RELAXED_GET(hits), now_ms = now_ns / ND_MS(1);
	uint64_t last_ms = was >> HITS_BITS, n = was & HITS_MAX;

	if (last_ms + gap_ns / ND_MS(1) < now_ms)
		n = 0;
	if (n < HITS_MAX)
		n++;
	ND_STORE_RELAXED_PUT(hits, now_ms << HITS_BITS | n);
	return (uint32_t)n;
}

bool nd_store_begin_refresh(struct nd_store *s, uint32_t at, uint64_t now_ns, uint64_t for_ns)
{
	_Atomic uint64_t *until = &s->heat[at].until_ns;
	uint64_t was = ND_STORE_RELAXED_GET(until);

	return was <= now_ns &&
	       atomic_compare_exchange_strong_explicit(until, &was, now_ns + for_ns,
						       memory_order_relaxed, memory_order_relaxed);
}

void nd_store_end_refresh(struct nd_store *s, uint32_t at, uint64_t until_ns)
{
	ND_STORE_RELAXED_PUT(&s->heat[at].until_ns, until_ns);
}

void nd_store_cool(struct nd_store *s, uint32_t at)
{
	struct nd_store_heat *h = &s->heat[at];

	/* Pages that were never written stay so. */
	if (ND_STORE_RELAXED_GET(&h->hits))
		ND_STORE_RELAXED_PUT(&h->hits, 0);
	if (ND_STORE_RELAXED_GET(&h->until_ns))
		ND_STORE_RELAXED_PUT(&h->until_ns, 0);
}
