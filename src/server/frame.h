/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h - DNS messages in a byte stream: two bytes of length, then the message (RFC 1035 s4.2.2).
 * Bytes in, messages out; no I/O, no time.
 *
 * A message that is complete in the input is not copied. The buffer for the rest grows with the
 * bytes that have arrived, not with the length that the peer announced.
 *
 * Owns:    its buffer.
 * Errors:  ND_FRAME_NO_MEMORY; the stream cannot be read further.
 * Threads: one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ND_FRAME_INLINE = 128,           /* bytes kept without an allocation */
	ND_FRAME_KEPT_MAX = 3 * 65536,   /* a frame, and input kept by nd_frame_keep */
	ND_FRAME_BYTES_MAX = 2 + 0xffff, /* of one frame */
};

/* All zero: empty. */
struct nd_frame {
	uint32_t at, len; /* kept, and not read yet: bytes [at, len) */
	uint32_t cap;     /* of `heap` */
	uint8_t *heap;    /* NULL: they are in `bytes` */
	uint8_t bytes[ND_FRAME_INLINE];
};

struct nd_frame_bytes {
	const uint8_t *at;
	size_t n;
};

enum nd_frame_state {
	ND_FRAME_MESSAGE,
	ND_FRAME_MORE, /* needs more input; all of it was used */
	ND_FRAME_NO_MEMORY,
};

enum nd_frame_state nd_frame_next_kept(struct nd_frame *f, struct nd_frame_bytes *in,
				       struct nd_frame_bytes *message);

/* Bytes wait to be read: part of a frame, or kept input. */
static inline bool nd_frame_pending(const struct nd_frame *f)
{
	return f->at != f->len;
}

/* The next message, from the kept bytes and then from the input, whose used bytes are removed. The
 * message is borrowed from either, until the next call. It may be empty. */
static inline enum nd_frame_state nd_frame_next(struct nd_frame *f, struct nd_frame_bytes *in,
						struct nd_frame_bytes *message)
{
	if (!nd_frame_pending(f) && in->n >= 2) { /* complete in the input: no copy */
		size_t n = (size_t)in->at[0] << 8 | in->at[1];
		if (in->n - 2 >= n) {
			*message = (struct nd_frame_bytes){ in->at + 2, n };
			in->at += 2 + n;
			in->n -= 2 + n;
			return ND_FRAME_MESSAGE;
		}
	}
	return nd_frame_next_kept(f, in, message);
}
/* Keeps the input for later calls of nd_frame_next. False: out of memory, or ND_FRAME_KEPT_MAX. */
bool nd_frame_keep(struct nd_frame *f, struct nd_frame_bytes *in);
/* Frees the heap buffer if nothing is kept. After the last message is used. */
void nd_frame_trim(struct nd_frame *f);
void nd_frame_clear(struct nd_frame *f);

/* Bytes of memory beside the structure. */
static inline size_t nd_frame_heap(const struct nd_frame *f)
{
	return f->cap;
}
