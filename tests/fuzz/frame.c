/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in a TCP stream: the first byte chooses the pieces in which the rest arrives. The
 * messages must be those of the stream read at once, each in memory that may be read whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The stream, read at once. */
struct expected {
	const uint8_t *at;
	size_t left;
};

/* The next message must be equal to the next of the stream. */
static void check(struct expected *want, const struct nd_frame_bytes *got)
{
	if (want->left < 2)
		abort();
	size_t n = (size_t)want->at[0] << 8 | want->at[1];
	if (n > want->left - 2 || got->n != n || (n && memcmp(got->at, want->at + 2, n)))
		abort();
	want->at += 2 + n;
	want->left -= 2 + n;
}

/* One piece; `slow`: reads one message, keeps the rest, and reads on later, like a connection that
 * has too many queries in flight. False: the reader gave up. */
static bool feed(struct nd_frame *f, const uint8_t *bytes, size_t n, bool slow,
		 struct expected *want)
{
	uint8_t *copy = malloc(n + !n); /* exact, so that ASan sees a read past the end */
	struct nd_frame_bytes in = { copy, n }, got;
	enum nd_frame_state state;

	if (!copy)
		abort();
	memcpy(copy, bytes, n);
	while ((state = nd_frame_next(f, &in, &got)) == ND_FRAME_MESSAGE) {
		check(want, &got);
		if (slow)
			break;
	}
	bool ok = state != ND_FRAME_NO_MEMORY && nd_frame_keep(f, &in);
	free(copy);
	nd_frame_trim(f);
	if (nd_frame_heap(f) > 2 * ND_FRAME_KEPT_MAX)
		abort();
	return ok;
}

static bool drain(struct nd_frame *f, struct expected *want)
{
	struct nd_frame_bytes in = { 0 }, got;
	enum nd_frame_state state;

	while ((state = nd_frame_next(f, &in, &got)) == ND_FRAME_MESSAGE)
		check(want, &got);
	return state == ND_FRAME_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_frame f = { 0 };
	uint32_t dice;
	bool ok = true;

	if (size < 1)
		return 0;
	dice = data[0];
	struct expected want = { .at = data + 1, .left = size - 1 };
	for (size_t at = 1; ok && at < size;) {
		dice = dice * 1664525 + 1013904223;
		size_t most = dice & 1 << 20 ? 4 : 2000, n = 1 + (dice >> 8) % most;
		n = n < size - at ? n : size - at;
		ok = feed(&f, data + at, n, dice & 1 << 30, &want);
		at += n;
	}
	if (ok && !drain(&f, &want))
		abort();
	/* Only an incomplete frame is left. */
	if (ok && want.left >= 2 && want.left - 2 >= ((size_t)want.at[0] << 8 | want.at[1]))
		abort();
	if (ok && nd_frame_pending(&f) != (want.left > 0))
		abort();
	nd_frame_clear(&f);
	return 0;
}
