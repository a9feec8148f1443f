/* SPDX-License-Identifier: Apache-2.0 */
/* h2_flood.h - counts what an HTTP/2 server sends that brings no response forward: PING, SETTINGS,
 * PRIORITY, unknown frames, data of cancelled streams, ... A quiet server may send a few for as
 * long as the connection lives; a flood ends it.
 *
 * Owns:    embedded; nothing. Pure: the caller passes the time.
 * Limits:  ND_HTTPC_FRAMES_MAX, ND_HTTPC_FRAMES_PER_S, and max_bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nd_h2_flood {
	/* Received, less what brought a response forward, less what time has forgiven. */
	uint64_t frames, bytes;
	uint64_t since_ns; /* when that was last done */
	uint64_t max_bytes;
};

void nd_h2_flood_init(struct nd_h2_flood *f, uint64_t max_bytes, uint64_t now_ns);
/* A frame has begun. False: too many. */
bool nd_h2_flood_frame(struct nd_h2_flood *f, uint64_t now_ns);
/* It had n bytes of data, or the head of an exchange. */
void nd_h2_flood_useful(struct nd_h2_flood *f, size_t n);
/* n bytes were received, of any frames. False: too many. */
bool nd_h2_flood_bytes(struct nd_h2_flood *f, size_t n, uint64_t now_ns);
