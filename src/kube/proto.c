/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/proto.h"

static void fail(struct nd_proto *p, int err)
{
	if (!p->err)
		p->err = err;
}

static uint64_t long_varint(struct nd_proto *p)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70 && !p->err; shift += 7) {
		if (p->pos == p->end) {
			fail(p, ND_ETRUNC);
			return 0;
		}
		uint8_t byte = *p->pos++;
		if (shift == 63 && byte > 1) /* the tenth byte has one bit left */
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	fail(p, ND_EFORMAT);
	return 0;
}

/* Nearly all tags and lengths take one or two bytes. */
static inline uint64_t varint(struct nd_proto *p)
{
	const uint8_t *at = p->pos;

	if (p->end - at < 2 || p->err || (at[0] >= 0x80 && at[1] >= 0x80))
		return long_varint(p);
	if (at[0] < 0x80) {
		p->pos = at + 1;
		return at[0];
	}
	p->pos = at + 2;
	return (uint64_t)at[1] << 7 | (at[0] & 0x7f);
}

uint64_t nd_proto_varint(struct nd_proto *p)
{
	return varint(p);
}

static inline const uint8_t *take(struct nd_proto *p, uint64_t n)
{
	const uint8_t *at = p->pos;

	if (n > (size_t)(p->end - p->pos))
		fail(p, ND_ETRUNC);
	if (p->err)
		return NULL;
	p->pos += n;
	return at;
}

static inline bool read_tag(struct nd_proto *p, struct nd_proto_field *f)
{
	uint64_t tag = varint(p);

	*f = (struct nd_proto_field){ .number = (uint32_t)(tag >> 3),
				      .type = (enum nd_proto_type)(tag & 7) };
	if (tag > UINT32_MAX || !f->number || (tag & 7) > ND_PROTO_FIXED32)
		fail(p, ND_EFORMAT);
	return !p->err;
}

bool nd_proto_tag(struct nd_proto *p, struct nd_proto_field *f)
{
	return read_tag(p, f);
}

/* All but groups. */
static inline void read_plain(struct nd_proto *p, struct nd_proto_field *f)
{
	switch (f->type) {
	case ND_PROTO_VARINT: f->value = varint(p); break;
	case ND_PROTO_BYTES:
		f->value = varint(p);
		f->bytes = take(p, f->value);
		f->len = f->bytes ? (size_t)f->value : 0;
		break;
	case ND_PROTO_FIXED64: take(p, 8); break;
	case ND_PROTO_FIXED32: take(p, 4); break;
	case ND_PROTO_GROUP:
	case ND_PROTO_GROUP_END: break;
	}
}

/* Nested groups are counted rather than recursed into, so any depth is safe. */
static void skip_group(struct nd_proto *p)
{
	struct nd_proto_field f;

	for (size_t depth = 1; depth && read_tag(p, &f);) {
		if (f.type == ND_PROTO_GROUP)
			depth++;
		else if (f.type == ND_PROTO_GROUP_END)
			depth--;
		else
			read_plain(p, &f);
	}
}

bool nd_proto_next_any(struct nd_proto *p, struct nd_proto_field *f)
{
	if (p->err || p->pos == p->end || !read_tag(p, f))
		return false;
	if (f->type == ND_PROTO_GROUP_END)
		fail(p, ND_EFORMAT);
	else if (f->type == ND_PROTO_GROUP)
		skip_group(p);
	else
		read_plain(p, f);
	return !p->err;
}

int64_t nd_proto_int(struct nd_proto *p, const struct nd_proto_field *f)
{
	if (f->type != ND_PROTO_VARINT)
		fail(p, ND_EFORMAT);
	return p->err ? 0 : (int64_t)f->value;
}

size_t nd_proto_count(struct nd_proto p, uint32_t number)
{
	struct nd_proto_field f;
	size_t n = 0;

	while (nd_proto_next(&p, &f))
		n += f.number == number;
	return n;
}
