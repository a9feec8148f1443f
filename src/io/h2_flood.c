/* SPDX-License-Identifier: Apache-2.0 */
#include "io/h2_flood.h"

#include "base/time.h"
#include "io/httpc.h"

enum { FRAME_BYTES = 64 }; /* a frame's header, and the content of a PING or a SETTINGS */

void nd_h2_flood_init(struct nd_h2_flood *f, uint64_t max_bytes, uint64_t now_ns)
{
	*f = (struct nd_h2_flood){ .max_bytes = max_bytes, .since_ns = now_ns };
}

static void subtract(uint64_t *from, uint64_t n)
{
	*from -= n < *from ? n : *from;
}

/* Forgives what a quiet server may send in the time since the last call. False: nothing. */
static bool forgive(struct nd_h2_flood *f, uint64_t now_ns)
{
	uint64_t n = (now_ns - f->since_ns) / (ND_NS_PER_S / ND_HTTPC_FRAMES_PER_S);

	if (!n)
		return false;
	subtract(&f->frames, n);
	subtract(&f->bytes, n * FRAME_BYTES);
	f->since_ns = now_ns;
	return true;
}

bool nd_h2_flood_frame(struct nd_h2_flood *f, uint64_t now_ns)
{
	return ++f->frames <= ND_HTTPC_FRAMES_MAX || forgive(f, now_ns);
}

void nd_h2_flood_useful(struct nd_h2_flood *f, size_t n)
{
	subtract(&f->frames, 1);
	subtract(&f->bytes, n + FRAME_BYTES);
}

bool nd_h2_flood_bytes(struct nd_h2_flood *f, size_t n, uint64_t now_ns)
{
	f->bytes += n;
	return f->bytes <= f->max_bytes || forgive(f, now_ns);
}
