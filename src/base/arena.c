/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 8192 };

struct nd_arena_chunk {
	struct nd_arena_chunk *older;
	size_t size, used; /* of bytes[] */
	_Alignas(max_align_t) unsigned char bytes[];
};

void nd_arena_init(struct nd_arena *a, size_t max_bytes)
{
	*a = (struct nd_arena){ .max = max_bytes };
}

void nd_arena_clear(struct nd_arena *a)
{
	while (a->chunk) {
		struct nd_arena_chunk *c = a->chunk;
		a->chunk = c->older;
		free(c);
	}
	a->used = 0;
	a->full = false;
}

void nd_arena_reset(struct nd_arena *a)
{
	struct nd_arena_chunk *kept = a->chunk; /* of the usual size, except a first large piece */

	if (kept) {
		a->chunk = kept->older;
		kept->older = NULL;
	}
	nd_arena_clear(a);
	if (kept && kept->size > CHUNK_BYTES) {
		free(kept);
		return;
	}
	if (kept)
		memset(kept->bytes, 0, kept->used);
	if (kept)
		kept->used = 0;
	a->chunk = kept;
}

static struct nd_arena_chunk *add_chunk(struct nd_arena *a, size_t n)
{
	size_t size = n > CHUNK_BYTES / 4 ? n : CHUNK_BYTES - sizeof(struct nd_arena_chunk);
	struct nd_arena_chunk *c = calloc(1, sizeof *c + size);

	if (!c)
		return NULL;
	c->size = size;
	if (a->chunk && size == n) {
		/* A large piece gets its own chunk; the newest one is still being filled. */
		c->older = a->chunk->older;
		a->chunk->older = c;
	} else {
		c->older = a->chunk;
		a->chunk = c;
	}
	return c;
}

void *nd_arena_alloc(struct nd_arena *a, size_t n)
{
	const size_t align = _Alignof(max_align_t);

	if (n > SIZE_MAX - align)
		return NULL;
	n = n ? (n + align - 1) & ~(align - 1) : align;
	if (n > a->max || a->used > a->max - n) {
		a->full = true;
		return NULL;
	}

	struct nd_arena_chunk *c = a->chunk;
	if (!c || n > c->size - c->used)
		c = add_chunk(a, n);
	if (!c)
		return NULL;
	void *p = c->bytes + c->used;
	c->used += n;
	a->used += n;
	return p;
}

void *nd_arena_array(struct nd_arena *a, size_t count, size_t size)
{
	size_t n;
	return __builtin_mul_overflow(count, size, &n) ? NULL : nd_arena_alloc(a, n);
}

void *nd_arena_copy(struct nd_arena *a, const void *from, size_t n)
{
	void *p = nd_arena_alloc(a, n);
	if (p && n)
		memcpy(p, from, n);
	return p;
}

char *nd_arena_text(struct nd_arena *a, const char *from, size_t n)
{
	char *p = nd_arena_alloc(a, n + 1);
	if (p && n)
		memcpy(p, from, n);
	return p;
}

char *nd_arena_string(struct nd_arena *a, const char *from)
{
	return nd_arena_text(a, from, strlen(from));
}

char *nd_arena_printf(struct nd_arena *a, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	char *p = n < 0 ? NULL : nd_arena_alloc(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, format, again);
	va_end(again);
	va_end(args);
	return p;
}
