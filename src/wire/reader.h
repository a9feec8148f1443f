/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h - a bounded cursor over wire bytes. Pure.
 *
 * Owns:    nothing. Borrows [base, end), which must outlive the reader.
 * Errors:  sticky. The first read past the end sets err; every read after it returns zero and
 *          does not move: read a whole struct, check once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct nd_reader {
	const uint8_t *base; /* message start: compression offsets count from here */
	const uint8_t *pos;  /* base <= pos <= end, always */
	const uint8_t *end;
	int err; /* 0, or the first ND_E* met */
};

static inline struct nd_reader nd_reader_over(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	return (struct nd_reader){ .base = p, .pos = p, .end = p + n };
}

static inline size_t nd_reader_left(const struct nd_reader *r)
{
	return (size_t)(r->end - r->pos);
}

static inline size_t nd_reader_offset(const struct nd_reader *r)
{
	return (size_t)(r->pos - r->base);
}

/* The next n bytes, or NULL. u8, u16 and u32 use it. */
static inline const uint8_t *nd_reader_take(struct nd_reader *r, size_t n)
{
	const uint8_t *p = r->pos;
	if (r->err == 0 && n > (size_t)(r->end - p))
		r->err = ND_ETRUNC;
	if (r->err)
		return NULL;
	r->pos += n;
	return p;
}

static inline uint8_t nd_reader_u8(struct nd_reader *r)
{
	const uint8_t *p = nd_reader_take(r, 1);
	return p ? p[0] : 0;
}

static inline uint16_t nd_reader_u16(struct nd_reader *r)
{
	const uint8_t *p = nd_reader_take(r, 2);
	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t nd_reader_u32(struct nd_reader *r)
{
	const uint8_t *p = nd_reader_take(r, 4);
	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint16_t nd_reader_peek16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t nd_reader_peek32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
