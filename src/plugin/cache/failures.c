/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/failures.h"

#include <stdatomic.h>
#include <stdlib.h>
#include "base/time.h"
#include "wire/msg.h"

enum {
	SETS = ND_FAILURES_BYTES / ND_FAILURES_WAYS / 16,
	FLAGS = ND_FLAG_AA | ND_FLAG_AD | ND_FLAG_RA,
	RCODE = 15,
};

struct entry {
	_Atomic uint64_t mixed; /* hash ^ what */
	_Atomic uint64_t what;  /* expiry in ms << 16 | flags | rcode; 0: empty */
};

struct nd_failures {
	struct entry set[SETS][ND_FAILURES_WAYS];
};
_Static_assert(sizeof(struct nd_failures) == ND_FAILURES_BYTES, "as documented");

static uint64_t get(const _Atomic uint64_t *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static uint64_t ms_of(uint64_t ns)
{
	return ns / ND_MS(1);
}

struct nd_failures *nd_failures_new(void)
{
	return calloc(1, sizeof(struct nd_failures));
}

bool nd_failures_find(const struct nd_failures *t, uint64_t hash, uint64_t now_ns,
		      struct nd_failure *out)
{
	const struct entry *e = t->set[hash % SETS];

	for (unsigned i = 0; i < ND_FAILURES_WAYS; i++) {
		uint64_t what = get(&e[i].what);
		if ((get(&e[i].mixed) ^ what) != hash || what >> 16 <= ms_of(now_ns))
			continue;
		out->rcode = what & RCODE;
		out->flags = what & FLAGS;
		return true;
	}
	return false;
}

bool nd_failures_put(struct nd_failures *t, uint64_t hash, uint64_t now_ns, uint32_t ttl_s,
		     struct nd_failure f)
{
	struct entry *e = t->set[hash % SETS], *to = &e[0];
	uint64_t expiry = ms_of(now_ns) + (uint64_t)ttl_s * 1000;
	uint64_t what = expiry << 16 | (f.flags & FLAGS) | (f.rcode & RCODE);
	bool equal = false;

	for (unsigned i = 0; i < ND_FAILURES_WAYS && !equal; i++) {
		equal = (get(&e[i].mixed) ^ get(&e[i].what)) == hash;
		if (equal || get(&e[i].what) < get(&to->what))
			to = &e[i];
	}
	bool evicted = !equal && get(&to->what) >> 16 > ms_of(now_ns);
	atomic_store_explicit(&to->mixed, hash ^ what, memory_order_relaxed);
	atomic_store_explicit(&to->what, what, memory_order_relaxed);
	return evicted;
}

uint64_t nd_failures_count(const struct nd_failures *t, uint64_t now_ns)
{
	uint64_t n = 0;

	for (unsigned s = 0; s < SETS; s++)
		for (unsigned i = 0; i < ND_FAILURES_WAYS; i++)
			n += get(&t->set[s][i].what) >> 16 > ms_of(now_ns);
	return n;
}
