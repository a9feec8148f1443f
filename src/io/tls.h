/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - TLS client streams over tcp.h, by OpenSSL 3, with handlers like those of tcp.h.
 *
 * Owns:    nd_tls (trust anchors and client certificate) is heap and reference-counted. Its OpenSSL
 *          context, which costs 8 ms and 2.8 MB, is created by the first stream or by
 *          nd_tls_prepare(); OpenSSL is not initialised before. Streams are heap; close frees them
 *          at the end of the turn.
 * Threads: an nd_tls may be shared by threads; a stream and its target belong to one loop's thread.
 * Errors:  ND_ETLS with a text that gives the reason; -errno of a file or of the connection;
 *          ND_ENOTYET in a build without OpenSSL (the text names the package).
 * Trust:   TLS 1.2 or later. The chain must end in a certificate of `ca`, which need not be
 *          self-signed. The name must be one of the certificate's subject alternative names
 *          (RFC 9525; the subject's CN is ignored, as in Go).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

struct nd_tls;
struct nd_tls_stream;

enum { ND_TLS_TEXT_MAX = 256 };

/* PEM, from a file or as bytes; both NULL: none. */
struct nd_tls_pem {
	const char *file;
	const void *bytes;
	size_t len;
};

struct nd_tls_options {
	struct nd_tls_pem ca;   /* one or more certificates; none: the system's */
	struct nd_tls_pem cert; /* client certificate, then its intermediates; requires key */
	struct nd_tls_pem key;  /* not encrypted */
	bool insecure;          /* no verification (kubeconfig's insecure-skip-tls-verify) */
};

/* Copies the options. Files are read once, when the context is created; after a rotation make a new
 * nd_tls. 0 or -ENOMEM. */
int nd_tls_new(const struct nd_tls_options *o, struct nd_tls **out);
struct nd_tls *nd_tls_ref(struct nd_tls *t);
void nd_tls_unref(struct nd_tls *t); /* NULL is fine */
/* Creates the context now, to find errors in files early. On failure text names the file and the
 * reason. */
int nd_tls_prepare(struct nd_tls *t, char text[ND_TLS_TEXT_MAX]);

/* The server, and the session to resume. Embedded in its owner; outlives its streams. */
struct nd_tls_target {
	struct nd_tls *tls;
	struct nd_addr addr;
	char *name; /* DNS name (also sent as SNI) or IP address that the certificate must have */
	char *alpn; /* "h2,http/1.1"; NULL: not offered */
	void *session;    /* of the last connection */
	uint64_t resumed; /* connections that resumed a session */
};

/* Copies; takes a reference to tls. 0, -ENOMEM, or ND_EFORMAT (invalid name, ALPN too long). */
int nd_tls_target_init(struct nd_tls_target *t, struct nd_tls *tls, const struct nd_addr *addr,
		       const char *name, const char *alpn);
void nd_tls_target_clear(struct nd_tls_target *t);

/* As struct nd_tcp_handler. on_open: the handshake is done. on_close: err 0 after a close_notify;
 * ND_ECLOSED without it, and the data may be truncated. */
struct nd_tls_handler {
	void *ctx;
	void (*on_open)(void *ctx, struct nd_tls_stream *s, int err);
	void (*on_data)(void *ctx, struct nd_tls_stream *s, const uint8_t *bytes, size_t n);
	void (*on_close)(void *ctx, struct nd_tls_stream *s, int err);
	void (*on_drain)(void *ctx, struct nd_tls_stream *s);
};

/* No callback runs inside. There is no time limit but TCP's; the owner needs a timer. On failure
 * text has the reason. */
int nd_tls_connect(struct nd_loop *loop, struct nd_tls_target *to, const struct nd_addr *source,
		   const struct nd_tls_handler *h, struct nd_tls_stream **out,
		   char text[ND_TLS_TEXT_MAX]);
/* Copies; kept until the handshake is done. 0, ND_ELIMIT, ND_ECLOSED. */
int nd_tls_write(struct nd_tls_stream *s, const void *bytes, size_t n);
size_t nd_tls_queued(const struct nd_tls_stream *s);
void nd_tls_set_max_queued(struct nd_tls_stream *s, size_t bytes); /* default 1 MiB */
void nd_tls_pause(struct nd_tls_stream *s, bool paused);
/* Sends close_notify. No callback follows. NULL is fine. */
void nd_tls_close(struct nd_tls_stream *s);
/* As nd_tcp_set_liveness(). */
void nd_tls_set_liveness(struct nd_tls_stream *s, unsigned unacked_ms, unsigned idle_s);
/* len 0 when closed. */
struct nd_addr nd_tls_local(const struct nd_tls_stream *s);
/* The protocol that ALPN selected, "h2"; "" if none. From on_open on. */
const char *nd_tls_alpn(const struct nd_tls_stream *s);
/* In on_open and on_close: the reason for a failure, one line. */
const char *nd_tls_error_text(const struct nd_tls_stream *s);
