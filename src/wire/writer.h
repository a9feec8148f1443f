/* SPDX-License-Identifier: Apache-2.0 */
/* writer.h - writes wire bytes into the caller's buffer, with name compression. Pure.
 *
 * Pointers point only to offset 12 (the question's name and its suffixes) or to names after the
 * question. The bytes after the question therefore fit every question for the same name, in any
 * letter case.
 *
 * Owns:    nothing. Borrows [base, base + cap).
 * Errors:  sticky. A write that does not fit sets err and writes nothing. With mark() and
 *          rewind() a record is written whole or not at all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/err.h"
#include "wire/name.h"

enum { ND_WRITER_NAMES = 32 }; /* names that pointers can refer to; later ones are not remembered */

struct nd_writer {
	uint8_t *base; /* message start */
	size_t pos;    /* offset of the next octet; pos <= cap */
	size_t cap;
	int err;
	uint16_t name_at[ND_WRITER_NAMES]; /* offsets of names that pointers can refer to */
	uint8_t names;
	bool exact; /* compress only if the letter case is the same too */
};

static inline void nd_writer_init(struct nd_writer *w, void *bytes, size_t cap)
{
	w->base = bytes;
	w->pos = 0;
	w->cap = cap;
	w->err = 0;
	w->names = 0;
	w->exact = false;
}

static inline struct nd_writer nd_writer_over(void *bytes, size_t cap)
{
	struct nd_writer w;
	nd_writer_init(&w, bytes, cap);
	return w;
}

/* Room for the next n octets, or NULL. u8, u16, u32 and bytes use it. */
static inline uint8_t *nd_writer_take(struct nd_writer *w, size_t n)
{
	if (w->err == 0 && n > w->cap - w->pos)
		w->err = ND_ELIMIT;
	if (w->err)
		return NULL;
	uint8_t *p = w->base + w->pos;
	w->pos += n;
	return p;
}

static inline void nd_writer_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void nd_writer_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void nd_writer_u8(struct nd_writer *w, uint8_t v)
{
	uint8_t *p = nd_writer_take(w, 1);
	if (p)
		*p = v;
}

static inline void nd_writer_u16(struct nd_writer *w, uint16_t v)
{
	uint8_t *p = nd_writer_take(w, 2);
	if (p)
		nd_writer_put16(p, v);
}

static inline void nd_writer_u32(struct nd_writer *w, uint32_t v)
{
	uint8_t *p = nd_writer_take(w, 4);
	if (p)
		nd_writer_put32(p, v);
}

static inline void nd_writer_bytes(struct nd_writer *w, const void *bytes, size_t n)
{
	uint8_t *p = nd_writer_take(w, n);
	if (p && n)
		memcpy(p, bytes, n);
}

struct nd_writer_mark {
	size_t pos;
	uint8_t names;
};

static inline struct nd_writer_mark nd_writer_mark(const struct nd_writer *w)
{
	return (struct nd_writer_mark){ .pos = w->pos, .names = w->names };
}

/* Returns to the mark and clears the error. */
static inline void nd_writer_rewind(struct nd_writer *w, struct nd_writer_mark m)
{
	w->pos = m.pos;
	w->names = m.names;
	w->err = 0;
}

/* Removes what was written from pos on, and forgets the names there. */
static inline void nd_writer_cut(struct nd_writer *w, size_t pos)
{
	w->pos = pos;
	while (w->names && w->name_at[w->names - 1] >= pos)
		w->names--;
}

/* Writes a name, compressed with a pointer to the longest suffix already known (case-insensitive
 * unless `exact`), and remembers it. A name that views the message itself becomes a pointer to
 * that place. */
void nd_writer_name(struct nd_writer *w, struct nd_name name);
/* Writes a name uncompressed and does not remember it (SRV, DNAME, RRSIG: RFC 3597 s4, RFC
 * 2782). */
void nd_writer_name_plain(struct nd_writer *w, struct nd_name name);
/* Remembers a name already at this offset (the question's at 12). */
void nd_writer_know(struct nd_writer *w, uint16_t offset);

/* The offset of a name that views bytes already written and can be pointed at; otherwise 0. 0 for
 * the root, which is shorter than a pointer. */
size_t nd_writer_offset(const struct nd_writer *w, struct nd_name name);

enum { ND_WRITER_HEAD = 12 };
/* Writes a record up to its rdata, with a pointer to `at` as owner. */
static inline void nd_writer_put_head(uint8_t head[ND_WRITER_HEAD], size_t at, uint16_t type,
				      uint16_t class, uint32_t ttl, size_t rdata_len)
{
	nd_writer_put16(head, (uint16_t)(0xc000 | at));
	nd_writer_put16(head + 2, type);
	nd_writer_put16(head + 4, class);
	nd_writer_put32(head + 6, ttl);
	nd_writer_put16(head + 10, (uint16_t)rdata_len);
}

/* Writes one record. rdata is uncompressed; names in it are compressed if the type allows.
 * Returns 0, or ND_ELIMIT with the writer unchanged. ttl_at and rdata_at receive offsets; they
 * may be NULL. */
int nd_writer_rr(struct nd_writer *w, struct nd_name owner, uint16_t type, uint16_t class,
		 uint32_t ttl, const uint8_t *rdata, size_t rdata_len, uint16_t *ttl_at,
		 uint16_t *rdata_at);
/* The same, but rdata is copied unchanged; pointers in it must be valid for this message. */
int nd_writer_rr_as_is(struct nd_writer *w, struct nd_name owner, uint16_t type, uint16_t class,
		       uint32_t ttl, const uint8_t *rdata, size_t rdata_len, uint16_t *ttl_at,
		       uint16_t *rdata_at);
