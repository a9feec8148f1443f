/* SPDX-License-Identifier: Apache-2.0 */
/* pb_parts.h - what pb.c (messages around objects) and pb_object.c (objects) share. For these two
 * alone. Inline, as they run for each field of each object. */
#pragma once

#include <errno.h>
#include <string.h>
#include "kube/pb.h"

static inline struct nd_pb_view nd_pb_view_of(struct nd_proto *p, const struct nd_proto_field *f)
{
	struct nd_proto in = nd_proto_inside(p, f);

	return (struct nd_pb_view){ .bytes = in.pos, .len = (size_t)(in.end - in.pos) };
}

static inline void nd_pb_take_error(struct nd_proto *p, int err)
{
	if (!p->err)
		p->err = err;
}

/* A string; ND_EFORMAT if it contains a NUL. */
static inline struct nd_pb_view nd_pb_text_view(struct nd_proto *p, const struct nd_proto_field *f)
{
	struct nd_pb_view v = nd_pb_view_of(p, f);

	if (v.len && memchr(v.bytes, 0, v.len)) {
		nd_pb_take_error(p, ND_EFORMAT);
		return (struct nd_pb_view){ 0 };
	}
	return v;
}

/* A copy in the arena; `otherwise` if it is empty, or on an error. */
static inline const char *nd_pb_text(struct nd_proto *p, const struct nd_proto_field *f,
				     struct nd_arena *a, const char *otherwise)
{
	struct nd_pb_view v = nd_pb_text_view(p, f);

	if (!v.len)
		return otherwise;
	const char *made = nd_arena_text(a, (const char *)v.bytes, v.len);
	if (!made)
		nd_pb_take_error(p, -ENOMEM);
	return made ? made : otherwise;
}

/* Copies to `size` bytes; a longer string is cut, or ND_ELIMIT. */
static inline void nd_pb_text_into(struct nd_proto *p, const struct nd_proto_field *f, char *to,
				   size_t size, bool cut)
{
	struct nd_pb_view v = nd_pb_text_view(p, f);

	if (v.len >= size && !cut) {
		nd_pb_take_error(p, ND_ELIMIT);
		return;
	}
	size_t n = v.len < size ? v.len : size - 1;
	if (n)
		memcpy(to, v.bytes, n);
	to[n] = '\0';
}

static inline int32_t nd_pb_int32(struct nd_proto *p, const struct nd_proto_field *f)
{
	return (int32_t)nd_proto_int(p, f); /* as in Go, the upper half is dropped */
}

/* An array for all occurrences of the field from here on; NULL: none, or an error. */
static inline void *nd_pb_array(struct nd_proto *p, struct nd_arena *a, uint32_t number,
				size_t size)
{
	size_t n = nd_proto_count(*p, number);
	void *made = n ? nd_arena_array(a, n, size) : NULL;

	if (n && !made)
		nd_pb_take_error(p, -ENOMEM);
	return made;
}
