/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

#include <stdatomic.h>
#include "base/err.h"

#define MIB(n) ((uint64_t)(n) << 20)

const char *const nd_budget_part_text[ND_BUDGET_PARTS] = { "queries", "exchanges", "streams",
							   "http",    "cache",     "hosts",
							   "zones" };

/* A part's ceiling in sixteenths of the whole. Together they are more than the whole: not every
 * part is full at once, and the whole is checked too. */
static const uint8_t sixteenths[ND_BUDGET_PARTS] = {
	[ND_BUDGET_QUERIES] = 5, [ND_BUDGET_EXCHANGES] = 4, [ND_BUDGET_STREAMS] = 4,
	[ND_BUDGET_HTTP] = 2,    [ND_BUDGET_CACHE] = 8,     [ND_BUDGET_HOSTS] = 12,
	[ND_BUDGET_ZONES] = 12
};

static _Atomic uint64_t whole = MIB(ND_BUDGET_DEFAULT_MIB);
static _Atomic uint64_t taken;
static _Atomic uint64_t used[ND_BUDGET_PARTS], refused[ND_BUDGET_PARTS];

static uint64_t load(const _Atomic uint64_t *x)
{
	return atomic_load_explicit(x, memory_order_relaxed);
}

uint64_t nd_budget_from_limit(uint64_t limit_bytes)
{
	if (!limit_bytes)
		return MIB(ND_BUDGET_DEFAULT_MIB);
	/* Half: the rest is for the allocator, the configuration, the index and the kernel's socket
	 * buffers, which a cgroup counts too. */
	uint64_t half = limit_bytes / 2;
	if (half < MIB(ND_BUDGET_MIN_MIB))
		return MIB(ND_BUDGET_MIN_MIB);
	return half < MIB(ND_BUDGET_DEFAULT_MIB) ? half : MIB(ND_BUDGET_DEFAULT_MIB);
}

void nd_budget_set(uint64_t bytes)
{
	atomic_store_explicit(&whole, bytes, memory_order_relaxed);
}

uint64_t nd_budget_ceiling(enum nd_budget_part part)
{
	return load(&whole) / 16 * sixteenths[part];
}

/* Adds n to *x unless that exceeds max. */
static bool add_up_to(_Atomic uint64_t *x, uint64_t n, uint64_t max)
{
	uint64_t was = load(x);

	do {
		if (n > max || was > max - n)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(x, &was, was + n, memory_order_relaxed,
							memory_order_relaxed));
	return true;
}

bool nd_budget_take(enum nd_budget_part part, size_t bytes)
{
	if (add_up_to(&used[part], bytes, nd_budget_ceiling(part))) {
		if (add_up_to(&taken, bytes, load(&whole)))
			return true;
		atomic_fetch_sub_explicit(&used[part], bytes, memory_order_relaxed);
	}
	nd_budget_refuse(part);
	return false;
}

void nd_budget_refuse(enum nd_budget_part part)
{
	atomic_fetch_add_explicit(&refused[part], 1, memory_order_relaxed);
}

void nd_budget_give(enum nd_budget_part part, size_t bytes)
{
	uint64_t was = atomic_fetch_sub_explicit(&used[part], bytes, memory_order_relaxed);

	ND_ASSERT(was >= bytes);
	atomic_fetch_sub_explicit(&taken, bytes, memory_order_relaxed);
}

uint64_t nd_budget_used(enum nd_budget_part part)
{
	return load(&used[part]);
}

uint64_t nd_budget_refused(enum nd_budget_part part)
{
	return load(&refused[part]);
}
