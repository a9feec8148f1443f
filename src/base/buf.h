/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - a byte buffer that grows, up to the maximum it was born with.
 *
 * Owns:    its bytes, on the heap.
 * Errors:  sticky. The first addition that does not fit sets err; later ones do
 *          nothing: build a whole text, check once.
 * Threads: one at a time.
 */
#pragma once

#include <stddef.h>

struct nd_buf {
	char *data; /* NUL after len, once anything was added; NULL before */
	size_t len, cap;
	size_t max; /* len never passes it */
	int err;    /* 0, or the first ND_E* met */
};

void nd_buf_init(struct nd_buf *b, size_t max_bytes);
void nd_buf_clear(struct nd_buf *b);
/* Empties it and forgets an error; keeps the memory. */
void nd_buf_reset(struct nd_buf *b);

int nd_buf_add(struct nd_buf *b, const void *bytes, size_t n);
int nd_buf_text(struct nd_buf *b, const char *text);
int nd_buf_printf(struct nd_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes (n <= len). */
void nd_buf_drop(struct nd_buf *b, size_t n);
/* Room for n bytes more behind len, or NULL; the caller then adds to len. */
void *nd_buf_room(struct nd_buf *b, size_t n);
/* The text, "" when empty. Borrowed. */
const char *nd_buf_string(const struct nd_buf *b);
