/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/rtt.h"

#include "base/time.h"

/* A stochastic quantile estimate: up by 1/2 for a sample above, down by 1/100 for one below. The
 * balance is at ln(1.5) * P(above) = -ln(0.99) * P(below), where P(above) is 2.4 %. */
static uint64_t up(uint64_t ns)
{
	return ns + ns / 2;
}

static uint64_t down(uint64_t ns)
{
	return ns - ns / 100;
}

static uint64_t within(uint64_t ns)
{
	const uint64_t floor = ND_MS(ND_RTT_FLOOR_MS) / 20;
	const uint64_t ceiling = ND_MS(ND_RTT_CEILING_MS);

	return ns < floor ? floor : ns > ceiling ? ceiling : ns;
}

/* A minimum that follows a longer way within some hundred samples. */
static uint64_t lower(uint64_t low_ns, uint64_t ns)
{
	return ns < low_ns ? ns : low_ns + low_ns / 128 + 1;
}

void nd_rtt_sample(struct nd_rtt *r, uint64_t ns)
{
	if (r->quantile_ns == 0) {
		r->quantile_ns = within(2 * ns); /* as TCP starts: RFC 6298 s2.2 */
		r->low_ns = ns;
		return;
	}
	r->quantile_ns = within(ns > r->quantile_ns ? up(r->quantile_ns) : down(r->quantile_ns));
	r->low_ns = lower(r->low_ns, ns);
}

void nd_rtt_sample_between(struct nd_rtt *r, uint64_t low, uint64_t high)
{
	if (r->quantile_ns == 0) {
		nd_rtt_sample(r, high);
		return;
	}
	r->low_ns = lower(r->low_ns, high);
	if (high <= r->quantile_ns)
		r->quantile_ns = within(down(r->quantile_ns));
	else if (low > r->quantile_ns)
		r->quantile_ns = within(up(r->quantile_ns));
}

void nd_rtt_add_timeout(struct nd_rtt *r)
{
	if (r->quantile_ns)
		r->quantile_ns = within(up(r->quantile_ns));
}

uint64_t nd_rtt_most_ns(const struct nd_rtt *r)
{
	const uint64_t least = ND_MS(ND_RTT_FIRST_MS);

	if (!r->quantile_ns)
		return ND_MS(ND_RTT_START_MS);
	return least > ND_RTT_LOWS * r->low_ns ? least : ND_RTT_LOWS * r->low_ns;
}

static uint64_t first_ns(const struct nd_rtt *r)
{
	uint64_t ns = r->quantile_ns ? up(r->quantile_ns) : ND_MS(ND_RTT_START_MS);

	return ns < nd_rtt_most_ns(r) ? ns : nd_rtt_most_ns(r);
}

uint64_t nd_rtt_timer_ns(const struct nd_rtt *r, unsigned sends)
{
	const uint64_t floor = ND_MS(ND_RTT_FLOOR_MS);
	const uint64_t ceiling = ND_MS(ND_RTT_CEILING_MS);
	uint64_t ns = first_ns(r);

	if (ns < floor)
		ns = floor;
	for (unsigned i = 1; i < sends && ns < ceiling; i++)
		ns *= 2;
	return ns < ceiling ? ns : ceiling;
}
