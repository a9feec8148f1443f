/* SPDX-License-Identifier: Apache-2.0 */
/* netset.h - a set of IP networks that never changes: is an address in one of them?
 *
 * Kept as sorted ranges that do not touch, so a look-up is a binary search. IPv4 and IPv6 are
 * apart: no IPv6 network, not even ::/0, has an IPv4 address (or an IPv4-mapped one).
 *
 * Owns:    nothing; the ranges are in the caller's arena.
 * Threads: built on one; then any.
 * Errors:  ND_ELIMIT: the arena is full.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/arena.h"

/* First and last address, network order; `len` of nd_netset_ranges bytes count. */
struct nd_netset_range {
	uint8_t first[16], last[16];
};

struct nd_netset_ranges {
	const struct nd_netset_range *range; /* ascending */
	size_t n;
};

struct nd_netset {
	struct nd_netset_ranges v4, v6;
};

/* Makes the set of n networks, in any order; they may overlap. The array is not kept. */
int nd_netset_make(const struct nd_cidr *nets, size_t n, struct nd_arena *a, struct nd_netset *out);
bool nd_netset_has(const struct nd_netset *s, const struct nd_addr *addr);
