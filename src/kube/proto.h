/* SPDX-License-Identifier: Apache-2.0 */
/* proto.h - a bounded cursor over one protobuf message, field by field.
 *
 * The caller reads the field numbers it knows; the others are skipped. A known number with another
 * wire type is an error, as in Go's decoders.
 *
 * Owns:    nothing. Borrows [pos, end); allocates nothing.
 * Errors:  sticky. ND_ETRUNC: a field exceeds the message; ND_EFORMAT: not protobuf. After an error
 *          there is no next field, and reads return zero: walk a whole message, check once.
 * Threads: not shared; a cursor lives on one stack.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum nd_proto_type {
	ND_PROTO_VARINT = 0,
	ND_PROTO_FIXED64 = 1,
	ND_PROTO_BYTES = 2, /* text, bytes, messages, packed lists */
	ND_PROTO_GROUP = 3,
	ND_PROTO_GROUP_END = 4,
	ND_PROTO_FIXED32 = 5,
};

struct nd_proto {
	const uint8_t *pos, *end; /* pos <= end, always */
	int err;                  /* 0, or the first error; callers may set their own */
};

struct nd_proto_field {
	uint32_t number;         /* 1 to 2^29 - 1 */
	enum nd_proto_type type; /* never ND_PROTO_GROUP_END */
	uint64_t value;          /* of a varint */
	const uint8_t *bytes;    /* of ND_PROTO_BYTES; else unset */
	size_t len;
};

/* bytes may be NULL if n is 0: a message without fields. */
static inline struct nd_proto nd_proto_over(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	return (struct nd_proto){ .pos = p, .end = n ? p + n : p };
}

/* At most ten bytes of seven bits each, lowest first. */
uint64_t nd_proto_varint(struct nd_proto *p);
/* Reads a field's number and wire type only. */
bool nd_proto_tag(struct nd_proto *p, struct nd_proto_field *f);
/* nd_proto_next() for the uncommon cases. */
bool nd_proto_next_any(struct nd_proto *p, struct nd_proto_field *f);

/* False at the end of the message and at an error. */
static inline bool nd_proto_next(struct nd_proto *p, struct nd_proto_field *f)
{
	const uint8_t *at = p->pos;
	size_t left = (size_t)(p->end - at);

	/* The common case: bytes, with a tag and a length of one byte each. */
	if (left >= 2 && !p->err && (at[0] & 0x87) == ND_PROTO_BYTES && at[0] > 7 && at[1] < 0x80 &&
	    at[1] <= left - 2) {
		*f = (struct nd_proto_field){ .number = at[0] >> 3,
					      .type = ND_PROTO_BYTES,
					      .value = at[1],
					      .bytes = at + 2,
					      .len = at[1] };
		p->pos = at + 2 + at[1];
		return true;
	}
	return nd_proto_next_any(p, f);
}

/* The field as an integer; p->err if it is another wire type. */
int64_t nd_proto_int(struct nd_proto *p, const struct nd_proto_field *f);
/* A cursor over the field's bytes, with an err of its own. */
static inline struct nd_proto nd_proto_inside(struct nd_proto *p, const struct nd_proto_field *f)
{
	if (f->type != ND_PROTO_BYTES && !p->err)
		p->err = ND_EFORMAT;
	return p->err ? (struct nd_proto){ .err = p->err } : nd_proto_over(f->bytes, f->len);
}

/* Occurrences of the field in the rest of the message. Errors are left to the caller's own walk. */
size_t nd_proto_count(struct nd_proto p, uint32_t number);
