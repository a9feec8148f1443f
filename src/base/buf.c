/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

void nd_buf_init(struct nd_buf *b, size_t max_bytes)
{
	*b = (struct nd_buf){ .max = max_bytes };
}

void nd_buf_clear(struct nd_buf *b)
{
	free(b->data);
	*b = (struct nd_buf){ .max = b->max };
}

void nd_buf_reset(struct nd_buf *b)
{
	b->len = 0;
	b->err = 0;
	if (b->data)
		b->data[0] = '\0';
}

void *nd_buf_room(struct nd_buf *b, size_t n)
{
	if (b->err)
		return NULL;
	if (n > b->max || b->len > b->max - n) {
		b->err = ND_ELIMIT;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 256;
		while (cap < b->len + n + 1)
			cap *= 2;
		if (cap > b->max + 1)
			cap = b->max + 1;
		char *data = realloc(b->data, cap);
		if (!data) {
			b->err = ND_ELIMIT;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;
}

int nd_buf_add(struct nd_buf *b, const void *bytes, size_t n)
{
	char *to = nd_buf_room(b, n);
	if (!to)
		return b->err;
	if (n)
		memcpy(to, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int nd_buf_text(struct nd_buf *b, const char *text)
{
	return nd_buf_add(b, text, strlen(text));
}

int nd_buf_printf(struct nd_buf *b, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	char *to = n < 0 ? NULL : nd_buf_room(b, (size_t)n);
	if (to) {
		vsnprintf(to, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(args);
	return b->err;
}

void nd_buf_drop(struct nd_buf *b, size_t n)
{
	ND_ASSERT(n <= b->len);
	if (!n)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

const char *nd_buf_string(const struct nd_buf *b)
{
	return b->data ? b->data : "";
}
