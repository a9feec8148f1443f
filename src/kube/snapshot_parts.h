/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_parts.h - what writer (snapshot.c) and reader (snapshot_read.c) share. For these two
 * alone. */
#pragma once

#include "base/siphash.h"

enum {
	ND_SNAPSHOT_HEAD_BYTES = 32,
	ND_SNAPSHOT_OBJECT_BYTES_MAX = 64 << 20,
	ND_SNAPSHOT_EXTERNAL = 1, /* flags of a Service */
	ND_SNAPSHOT_HEADLESS = 2,
};

#define ND_SNAPSHOT_MAGIC "NDKSNAP\n" /* 8 bytes */

/* Extends the checksum by these bytes. */
static inline uint64_t nd_snapshot_add_sum(uint64_t sum, const void *bytes, size_t n)
{
	static const struct nd_siphash_key key = { 0x6e6f64656e733031, 0x736e617073686f74 };

	return nd_siphash(&key, sum, bytes, n);
}
