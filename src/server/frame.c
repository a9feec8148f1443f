/* SPDX-License-Identifier: Apache-2.0 */
#include "server/frame.h"

#include <stdlib.h>
#include <string.h>
#include "base/err.h"

static uint8_t *bytes_of(struct nd_frame *f)
{
	return f->heap ? f->heap : f->bytes;
}

static size_t length_of(const uint8_t *frame)
{
	return (size_t)frame[0] << 8 | frame[1];
}

static bool grow(struct nd_frame *f, size_t need)
{
	size_t cap = f->heap ? f->cap : ND_FRAME_INLINE;

	while (cap < need)
		cap *= 2;
	uint8_t *heap = realloc(f->heap, cap);
	if (!heap)
		return false;
	if (!f->heap)
		memcpy(heap, f->bytes, f->len);
	f->heap = heap;
	f->cap = (uint32_t)cap;
	return true;
}

/* Moves n bytes of the input to the kept ones. */
static bool append(struct nd_frame *f, struct nd_frame_bytes *in, size_t n)
{
	size_t cap = f->heap ? f->cap : ND_FRAME_INLINE;

	if (f->len + n > cap && f->at) {
		memmove(bytes_of(f), bytes_of(f) + f->at, f->len - f->at);
		f->len -= f->at;
		f->at = 0;
	}
	if (f->len + n > ND_FRAME_KEPT_MAX || (f->len + n > cap && !grow(f, f->len + n)))
		return false;
	memcpy(bytes_of(f) + f->len, in->at, n);
	f->len += (uint32_t)n;
	in->at += n;
	in->n -= n;
	return true;
}

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

/* Bytes that the frame at the front lacks, as far as they are known: of its length, then all. */
static size_t lacking(struct nd_frame *f)
{
	size_t have = f->len - f->at;
	size_t want = have < 2 ? 2 : 2 + length_of(bytes_of(f) + f->at);

	return have < want ? want - have : 0;
}

enum nd_frame_state nd_frame_next_kept(struct nd_frame *f, struct nd_frame_bytes *in,
				       struct nd_frame_bytes *message)
{
	size_t lack;

	if (!nd_frame_pending(f))
		f->at = f->len = 0;
	while ((lack = lacking(f))) {
		if (!in->n)
			return ND_FRAME_MORE;
		if (!append(f, in, at_most(lack, in->n)))
			return ND_FRAME_NO_MEMORY;
	}
	const uint8_t *frame = bytes_of(f) + f->at;
	*message = (struct nd_frame_bytes){ frame + 2, length_of(frame) };
	f->at += (uint32_t)(2 + message->n);
	return ND_FRAME_MESSAGE;
}

bool nd_frame_keep(struct nd_frame *f, struct nd_frame_bytes *in)
{
	if (!nd_frame_pending(f))
		f->at = f->len = 0;
	return !in->n || append(f, in, in->n);
}

void nd_frame_trim(struct nd_frame *f)
{
	if (f->heap && !nd_frame_pending(f))
		nd_frame_clear(f);
}

void nd_frame_clear(struct nd_frame *f)
{
	free(f->heap);
	f->heap = NULL;
	f->cap = f->at = f->len = 0;
}
