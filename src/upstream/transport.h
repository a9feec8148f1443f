/* SPDX-License-Identifier: Apache-2.0 */
/* transport.h - a byte stream to an upstream: TCP, TLS over it (DNS over TLS, RFC 7858), or
 * requests of DNS over HTTPS (doh.h).
 *
 * Life:    embedded in its owner; connected at most once at a time. After nd_transport_close() and
 *          after on_close() or a failed on_open() no callback follows, and it may be connected
 *          again or freed, also from inside the callback.
 * Threads: the loop's own.
 * Errors:  err and text as CoreDNS logs them, in Go's words; text is valid during the callback.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "io/loop.h"
#include "io/tcp.h"
#include "io/tls.h"
#include "upstream/doh.h"
#include "upstream/host.h"

enum { ND_TRANSPORT_TEXT_MAX = 256 };

struct nd_transport_handler {
	void *ctx;
	/* Connected, and the TLS handshake is done (err 0); or it failed and is closed. */
	void (*on_open)(void *ctx, int err, const char *text);
	void (*on_data)(void *ctx, const uint8_t *bytes, size_t n);
	/* err 0: the server ended the stream. Without close_notify, too: messages have a length. */
	void (*on_close)(void *ctx, int err, const char *text);
};

struct nd_transport {
	struct nd_tcp *tcp; /* one of the three while it is connecting or open */
	struct nd_tls_stream *tls;
	struct nd_doh *doh;
	struct nd_addr peer;
	struct nd_transport_handler handler;
};

/* As c says; tls: of c->tls, with the session to resume; outlives the connection. 0: on_open is
 * called later; otherwise an error, with its text. */
int nd_transport_connect(struct nd_transport *t, struct nd_loop *loop,
			 const struct nd_host_config *c, struct nd_tls_target *tls,
			 const struct nd_transport_handler *h, char text[ND_TRANSPORT_TEXT_MAX]);
/* A message with its length before it (RFC 1035 s4.2.2). Copies; all or nothing. Before on_open it
 * is kept. 0, ND_ELIMIT or ND_ECLOSED. */
int nd_transport_write_frame(struct nd_transport *t, const void *bytes, uint16_t n);
/* As nd_tcp_set_liveness(); after nd_transport_connect(). */
void nd_transport_set_liveness(struct nd_transport *t, unsigned unacked_ms, unsigned idle_s);
/* Does nothing when it is closed. */
void nd_transport_close(struct nd_transport *t);
/* len 0 when not connected. */
struct nd_addr nd_transport_local(const struct nd_transport *t);
