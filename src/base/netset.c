/* SPDX-License-Identifier: Apache-2.0 */
#include "base/netset.h"

#include <stdlib.h>
#include <string.h>
#include "base/err.h"

static int compare_first(const void *a, const void *b)
{
	const struct nd_netset_range *x = a, *y = b;

	return memcmp(x->first, y->first, sizeof x->first);
}

static struct nd_netset_range range_of(const struct nd_cidr *net)
{
	struct nd_netset_range r = { 0 };

	memcpy(r.first, net->bytes, net->len);
	memcpy(r.last, net->bytes, net->len);
	for (unsigned bit = net->bits; bit < 8u * net->len; bit++)
		r.last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return r;
}

/* Two networks either lie inside each other or have no address in common, and the wider one comes
 * first or begins at the same place. */
static size_t merge(struct nd_netset_range *r, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || memcmp(r[i].first, r[kept - 1].last, sizeof r[i].first) > 0)
			r[kept++] = r[i];
		else if (memcmp(r[i].last, r[kept - 1].last, sizeof r[i].last) > 0)
			memcpy(r[kept - 1].last, r[i].last, sizeof r[i].last);
	}
	return kept;
}

static int make_family(const struct nd_cidr *nets, size_t n, uint8_t len, struct nd_arena *a,
		       struct nd_netset_ranges *out)
{
	struct nd_netset_range *r = nd_arena_array(a, n, sizeof *r);
	size_t m = 0;

	if (!r)
		return ND_ELIMIT;
	for (size_t i = 0; i < n; i++)
		if (nets[i].len == len)
			r[m++] = range_of(&nets[i]);
	qsort(r, m, sizeof *r, compare_first);
	*out = (struct nd_netset_ranges){ .range = r, .n = merge(r, m) };
	return 0;
}

int nd_netset_make(const struct nd_cidr *nets, size_t n, struct nd_arena *a, struct nd_netset *out)
{
	struct nd_netset made = { 0 };
	int err = n ? make_family(nets, n, 4, a, &made.v4) : 0;

	if (!err && n)
		err = make_family(nets, n, 16, a, &made.v6);
	if (!err)
		*out = made;
	return err;
}

bool nd_netset_has(const struct nd_netset *s, const struct nd_addr *addr)
{
	size_t len, low = 0;
	const uint8_t *p = nd_addr_bytes(addr, &len);
	const struct nd_netset_ranges *all = len == 4 ? &s->v4 : &s->v6;
	size_t high = all->n; /* the last range that begins at or before p is in [low, high) */

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (memcmp(all->range[mid].first, p, len) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low < high && memcmp(all->range[low].first, p, len) <= 0 &&
	       memcmp(p, all->range[low].last, len) <= 0;
}
