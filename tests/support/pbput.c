/* SPDX-License-Identifier: Apache-2.0 */
#include "support/pbput.h"

#include <string.h>

enum { MESSAGE_MAX = 1 << 20 };

static struct nd_buf message(void)
{
	struct nd_buf b;

	nd_buf_init(&b, MESSAGE_MAX);
	return b;
}

void nd_pbput_varint(struct nd_buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		nd_buf_add(b, &(uint8_t){ (uint8_t)(v | 0x80) }, 1);
	nd_buf_add(b, &(uint8_t){ (uint8_t)v }, 1);
}

void nd_pbput_int(struct nd_buf *b, unsigned number, uint64_t v)
{
	nd_pbput_varint(b, (uint64_t)number << 3);
	nd_pbput_varint(b, v);
}

void nd_pbput_bytes(struct nd_buf *b, unsigned number, const void *bytes, size_t n)
{
	nd_pbput_varint(b, (uint64_t)number << 3 | 2);
	nd_pbput_varint(b, n);
	nd_buf_add(b, bytes, n);
}

void nd_pbput_text(struct nd_buf *b, unsigned number, const char *text)
{
	nd_pbput_bytes(b, number, text, strlen(text));
}

void nd_pbput_inside(struct nd_buf *b, unsigned number, struct nd_buf *inner)
{
	nd_pbput_bytes(b, number, inner->data, inner->len);
	nd_buf_clear(inner);
}

void nd_pbput_pair(struct nd_buf *b, unsigned number, const char *key, const char *value)
{
	struct nd_buf pair = message();

	nd_pbput_text(&pair, 1, key);
	nd_pbput_text(&pair, 2, value);
	nd_pbput_inside(b, number, &pair);
}

void nd_pbput_envelope(struct nd_buf *b, const char *version, const char *kind, struct nd_buf *raw)
{
	nd_buf_add(b, "k8s", 4);
	nd_pbput_pair(b, 1, version, kind);
	nd_pbput_inside(b, 2, raw);
}

void nd_pbput_event(struct nd_buf *b, const char *type, const char *version, const char *kind,
		    struct nd_buf *raw)
{
	struct nd_buf whole = message(), object = message(), event = message();

	nd_pbput_envelope(&whole, version, kind, raw);
	nd_pbput_inside(&object, 1, &whole);
	nd_pbput_text(&event, 1, type);
	nd_pbput_inside(&event, 2, &object);
	uint8_t len[4] = { (uint8_t)(event.len >> 24), (uint8_t)(event.len >> 16),
			   (uint8_t)(event.len >> 8), (uint8_t)event.len };
	nd_buf_add(b, len, sizeof len);
	nd_buf_add(b, event.data, event.len);
	nd_buf_clear(&event);
}
