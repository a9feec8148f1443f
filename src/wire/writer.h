/* SPDX-License-Identifier: Apache-2.0 */
/* writer.h - writes wire bytes into a buffer of the caller's, and compresses names.
 *
 * Owns:    nothing. Borrows [base, base + cap).
 * Errors:  sticky. What does not fit sets err and writes nothing; mark() and rewind()
 *          make a record all or nothing.
 * Compression points only to offset 12 (the question's name and its suffixes) or to names
 * written behind the question, so that the bytes behind the question fit any question for
 * the same name, whatever the letters' case.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/err.h"
#include "wire/name.h"

enum { ND_WRITER_NAMES = 32 }; /* names remembered; later ones are just not pointed at */

struct nd_writer {
	uint8_t *base; /* message start */
	size_t pos;    /* offset of the next octet; pos <= cap */
	size_t cap;
	int err;
	uint16_t name_at[ND_WRITER_NAMES]; /* offsets of names that may be pointed at */
	uint8_t names;
	bool exact; /* a name is pointed at only where its letters are the same too */
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

/* The next n octets to write to, or NULL; u8, u16, u32 and bytes are written in terms of it. */
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

/* Back to the mark, error forgotten. */
static inline void nd_writer_rewind(struct nd_writer *w, struct nd_writer_mark m)
{
	w->pos = m.pos;
	w->names = m.names;
	w->err = 0;
}

/* The name, as a pointer to an equal earlier one where there is one (letters folded unless `exact`;
 * the longest known suffix wins), and remembered for later ones. A name that views the message
 * itself, unbroken, is pointed at where it stands. */
void nd_writer_name(struct nd_writer *w, struct nd_name name);
/* Never compressed and never pointed at (SRV targets, DNAME, RRSIG: RFC 3597 s4, RFC 2782). */
void nd_writer_name_plain(struct nd_writer *w, struct nd_name name);
/* Says that a name stands at this offset already (the question's at 12). */
void nd_writer_know(struct nd_writer *w, uint16_t offset);

/* The offset of a name that is a view of what was written already, and can be pointed at; else 0
 * (so for the root, which is shorter than a pointer). */
size_t nd_writer_offset(const struct nd_writer *w, struct nd_name name);

enum { ND_WRITER_HEAD = 12 };
/* All of a record before its rdata, its owner a pointer to `at`. */
static inline void nd_writer_put_head(uint8_t head[ND_WRITER_HEAD], size_t at, uint16_t type,
				      uint16_t class, uint32_t ttl, size_t rdata_len)
{
	nd_writer_put16(head, (uint16_t)(0xc000 | at));
	nd_writer_put16(head + 2, type);
	nd_writer_put16(head + 4, class);
	nd_writer_put32(head + 6, ttl);
	nd_writer_put16(head + 10, (uint16_t)rdata_len);
}

/* One whole record. rdata is uncompressed; its names are compressed where the type allows.
 * Returns 0, or ND_ELIMIT with the writer rewound to where it stood. *ttl_at, *rdata_at may be
 * NULL; they receive the offsets. */
int nd_writer_rr(struct nd_writer *w, struct nd_name owner, uint16_t type, uint16_t class,
		 uint32_t ttl, const uint8_t *rdata, size_t rdata_len, uint16_t *ttl_at,
		 uint16_t *rdata_at);
/* The same with rdata that stands as it is: whoever compressed its names knows where they point to.
 */
int nd_writer_rr_as_is(struct nd_writer *w, struct nd_name owner, uint16_t type, uint16_t class,
		       uint32_t ttl, const uint8_t *rdata, size_t rdata_len, uint16_t *ttl_at,
		       uint16_t *rdata_at);
