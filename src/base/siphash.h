/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.h - SipHash-1-3: a keyed 64-bit hash for bytes that an attacker may choose.
 * Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); 1-3 as in the
 * hash tables of Rust and Linux. Reads exactly n bytes. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct nd_siphash_key {
	uint64_t k0, k1; /* from the kernel's random source */
};

#define ND_SIPHASH_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline void nd_siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ND_SIPHASH_ROTL(v[1], 13) ^ v[0];
	v[0] = ND_SIPHASH_ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ND_SIPHASH_ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ND_SIPHASH_ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ND_SIPHASH_ROTL(v[1], 17) ^ v[2];
	v[2] = ND_SIPHASH_ROTL(v[2], 32);
}

/* `extra` is hashed before the bytes: the part of a key that is not a name. */
static inline uint64_t nd_siphash(const struct nd_siphash_key *key, uint64_t extra,
				  const void *bytes, size_t n)
{
	uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
			  key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u };
	const unsigned char *p = bytes;
	size_t rest = n & 7;
	uint64_t m = extra;

	v[3] ^= m;
	nd_siphash_round(v);
	v[0] ^= m;
	for (size_t left = n; left >= 8; left -= 8, p += 8) {
		memcpy(&m, p, 8);
		v[3] ^= m;
		nd_siphash_round(v);
		v[0] ^= m;
	}
	m = 0;
	if (rest && n >= 8) { /* the last 8 bytes; those hashed already are shifted out */
		memcpy(&m, p + rest - 8, 8);
		m >>= 8 * (8 - rest);
	} else {
		for (size_t i = 0; i < rest; i++)
			m |= (uint64_t)p[i] << (8 * i);
	}
	m |= (uint64_t)(n + 8) << 56;
	v[3] ^= m;
	nd_siphash_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	nd_siphash_round(v);
	nd_siphash_round(v);
	nd_siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
