/* SPDX-License-Identifier: Apache-2.0 */
/* proto.h - a bounded cursor over one protobuf message: field after field, in the order of the
 * bytes.
 *
 * The caller looks at the numbers it knows; what it does not look at is skipped. A field of a known
 * number but another wire type is an error, as for Go's decoders.
 * Owns:    nothing. Borrows [pos, end); allocates nothing.
 * Errors:  sticky. ND_ETRUNC: a field ends behind the message; ND_EFORMAT: no protobuf. After it
 * there is no next field, and reads return zero: walk a whole message, check once. Threads: none of
 * its business; a cursor lives on one stack.
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
	int err;                  /* 0, or the first error met; users set their own, too */
};

struct nd_proto_field {
	uint32_t number;         /* 1 to 2^29 - 1 */
	enum nd_proto_type type; /* never ND_PROTO_GROUP_END */
	uint64_t value;          /* of a varint */
	const uint8_t *bytes;    /* of ND_PROTO_BYTES; else unset */
	size_t len;
};

/* bytes may be NULL where n is 0: a message without fields. */
static inline struct nd_proto nd_proto_over(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	return (struct nd_proto){ .pos = p, .end = n ? p + n : p };
}

/* At most ten bytes of seven bits each, the lowest first. */
uint64_t nd_proto_varint(struct nd_proto *p);
/* A field's number and wire type, of whatever follows. */
bool nd_proto_tag(struct nd_proto *p, struct nd_proto_field *f);
/* As nd_proto_next(), which calls it for what is not common. */
bool nd_proto_next_any(struct nd_proto *p, struct nd_proto_field *f);

/* False at the end of the message and at an error. */
static inline bool nd_proto_next(struct nd_proto *p, struct nd_proto_field *f)
{
	const uint8_t *at = p->pos;
	size_t left = (size_t)(p->end - at);

	/* Nearly every field of nearly every object: bytes, with a tag and a length of one byte
	 * each. */
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

/* The field as what its number says it is; p->err where it is not. */
int64_t nd_proto_int(struct nd_proto *p, const struct nd_proto_field *f);
/* A cursor over it; it has errors of its own. */
static inline struct nd_proto nd_proto_inside(struct nd_proto *p, const struct nd_proto_field *f)
{
	if (f->type != ND_PROTO_BYTES && !p->err)
		p->err = ND_EFORMAT;
	return p->err ? (struct nd_proto){ .err = p->err } : nd_proto_over(f->bytes, f->len);
}

/* How often the field stands in the rest of the message; whatever is wrong there is met by the
 * walk. */
size_t nd_proto_count(struct nd_proto p, uint32_t number);
