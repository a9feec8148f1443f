/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory that belongs to one lifetime: allocated in pieces, freed at once.
 *
 * Owns:    its chunks, until clear.
 * Errors:  NULL if the arena's maximum is reached or the heap is exhausted.
 * Threads: one at a time.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct nd_arena_chunk;

struct nd_arena {
	struct nd_arena_chunk *chunk; /* newest first */
	size_t used;                  /* bytes allocated, padding included */
	size_t max;                   /* limit of used */
	bool full;                    /* an allocation was refused because of max */
};

void nd_arena_init(struct nd_arena *a, size_t max_bytes);
/* Frees everything. A cleared or zeroed arena is fine. */
void nd_arena_clear(struct nd_arena *a);

/* Frees everything but one chunk, from which the next pieces come. */
void nd_arena_reset(struct nd_arena *a);

/* n bytes, zeroed and aligned for any type. n may be 0. */
void *nd_arena_alloc(struct nd_arena *a, size_t n);
void *nd_arena_array(struct nd_arena *a, size_t count, size_t size);
void *nd_arena_copy(struct nd_arena *a, const void *from, size_t n);
/* n bytes and a NUL. */
char *nd_arena_text(struct nd_arena *a, const char *from, size_t n);
char *nd_arena_string(struct nd_arena *a, const char *from);
char *nd_arena_printf(struct nd_arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
