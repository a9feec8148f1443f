/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - a byte buffer that grows up to a fixed maximum.
 *
 * Owns:    its bytes, on the heap.
 * Errors:  sticky. The first addition that does not fit sets err, and later ones do
 *          nothing: build a whole text and check once.
 * Threads: one at a time.
 */
#pragma once

#include <stddef.h>

struct nd_buf {
	char *data; /* NULL until something is added; then NUL-terminated after len */
	size_t len, cap;
	size_t max; /* len <= max, always */
	int err;    /* 0, or the first ND_E* */
};

void nd_buf_init(struct nd_buf *b, size_t max_bytes);
void nd_buf_clear(struct nd_buf *b);
/* Empties the buffer and clears err; keeps the memory. */
void nd_buf_reset(struct nd_buf *b);

int nd_buf_add(struct nd_buf *b, const void *bytes, size_t n);
int nd_buf_text(struct nd_buf *b, const char *text);
int nd_buf_printf(struct nd_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes (n <= len). */
void nd_buf_drop(struct nd_buf *b, size_t n);
/* Room for n more bytes after len, or NULL. The caller fills it and adds to len. */
void *nd_buf_room(struct nd_buf *b, size_t n);
/* The text, "" if empty. Borrowed until the next change. */
const char *nd_buf_string(const struct nd_buf *b);
