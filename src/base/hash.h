/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - an unkeyed 64-bit hash: for fingerprints of configurations, and for tables
 * whose keys an attacker cannot choose. For names from the wire use siphash.h. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ND_HASH_START 0xcbf29ce484222325u

/* FNV-1a, continued from h; start with ND_HASH_START. */
static inline uint64_t nd_hash_add(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

/* Spreads the entropy of h over all its bits (the finaliser of MurmurHash3, public domain). */
static inline uint64_t nd_hash_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}
