/* SPDX-License-Identifier: Apache-2.0 */
/* pbput.h - writes protobuf as an API server does, into a buffer.
 *
 * Owns:    nothing.
 * Errors:  in the buffer's err.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"

void nd_pbput_varint(struct nd_buf *b, uint64_t v);
void nd_pbput_int(struct nd_buf *b, unsigned number, uint64_t v);
void nd_pbput_bytes(struct nd_buf *b, unsigned number, const void *bytes, size_t n);
void nd_pbput_text(struct nd_buf *b, unsigned number, const char *text);
/* Writes the inner message as a field, and empties it. */
void nd_pbput_inside(struct nd_buf *b, unsigned number, struct nd_buf *inner);
/* Writes an entry of a map. */
void nd_pbput_pair(struct nd_buf *b, unsigned number, const char *key, const char *value);
/* Wraps a message in runtime.Unknown, and empties it. */
void nd_pbput_envelope(struct nd_buf *b, const char *version, const char *kind, struct nd_buf *raw);
/* Writes the length of a WatchEvent, and the event with such an object. */
void nd_pbput_event(struct nd_buf *b, const char *type, const char *version, const char *kind,
		    struct nd_buf *raw);
