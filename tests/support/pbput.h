/* SPDX-License-Identifier: Apache-2.0 */
/* pbput.h - protobuf as an API server writes it, into a buffer. The buffer's owner looks at its
 * err. */
#pragma once

#include <stdint.h>
#include "base/buf.h"

void nd_pbput_varint(struct nd_buf *b, uint64_t v);
void nd_pbput_int(struct nd_buf *b, unsigned number, uint64_t v);
void nd_pbput_bytes(struct nd_buf *b, unsigned number, const void *bytes, size_t n);
void nd_pbput_text(struct nd_buf *b, unsigned number, const char *text);
/* The inner message becomes a field, and is empty then. */
void nd_pbput_inside(struct nd_buf *b, unsigned number, struct nd_buf *inner);
/* An entry of a map. */
void nd_pbput_pair(struct nd_buf *b, unsigned number, const char *key, const char *value);
/* runtime.Unknown around a message, which is empty then. */
void nd_pbput_envelope(struct nd_buf *b, const char *version, const char *kind, struct nd_buf *raw);
/* A WatchEvent behind its length, of such an object. */
void nd_pbput_event(struct nd_buf *b, const char *type, const char *version, const char *kind,
		    struct nd_buf *raw);
