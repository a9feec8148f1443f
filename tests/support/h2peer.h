/* SPDX-License-Identifier: Apache-2.0 */
/* h2peer.h - the server's side of one HTTP/2 connection; the requested path selects its behaviour.
 * It handles bytes only, so it runs over any transport.
 *
 *   /bytes/N     200, x-method: the request's, N bytes of nd_h2peer_byte()
 *   /echo        200, the request's body
 *   /hang        200, three bytes, without an end
 *   /silent      nothing
 *   /reset       200, three bytes, then RST_STREAM(INTERNAL_ERROR)
 *   /refuse      REFUSED_STREAM the first time, then 200
 *   /goaway/N    as /bytes/N, after a GOAWAY that includes this stream
 *   /turned-away GOAWAY that excludes this stream the first time (of all connections), then 200
 *   /cut         200, three bytes, then the connection is closed
 *   /early       103, then 200 with trailers
 *   /head/N      200, a header of N bytes
 *
 * Owns:    nd_h2peer is heap; the tally is the test's.
 * Threads: the loop's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nd_h2peer;

struct nd_h2peer_transport {
	void *ctx;
	void (*write)(void *ctx, const void *bytes, size_t n);
	void (*close)(void *ctx); /* the peer is not used afterwards */
};

/* Shared by the connections of a test. */
struct nd_h2peer_tally {
	unsigned requests, refused, turned_away, resets; /* resets: by the client */
	unsigned now, most;                              /* streams open at a time */
	unsigned max_streams;                            /* SETTINGS, if not 0 */
	uint64_t sent;                                   /* bytes of bodies */
};

struct nd_h2peer *nd_h2peer_new(const struct nd_h2peer_transport *transport,
				struct nd_h2peer_tally *tally);
void nd_h2peer_free(struct nd_h2peer *p);
/* False: invalid HTTP/2, or the peer has closed; free it. */
bool nd_h2peer_feed(struct nd_h2peer *p, const uint8_t *bytes, size_t n);

static inline uint8_t nd_h2peer_byte(size_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}
