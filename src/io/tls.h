/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - TLS as a client, over tcp.h, by OpenSSL 3: streams with the handler shape of tcp.h.
 *
 * Owns:    nd_tls (what is trusted, and who we are) is heap and counted. It makes its OpenSSL
 * context, which costs 8 ms and 2.8 MB, when the first stream or nd_tls_prepare() needs it, and
 * OpenSSL itself is not initialised before. Streams are heap; close frees them (after the loop's
 * turn). Threads: an nd_tls may be shared by all; a stream and its target belong to the loop's own.
 * Errors:  ND_ETLS, and a text that says why; -errno of a file or of the connection; ND_ENOTYET
 * where the build has no OpenSSL (its text names the package). Trust:   TLS 1.2 at least. The chain
 * must end in a certificate of `ca`, itself not necessarily self-signed; the name must stand among
 * the certificate's alternative names (RFC 9525; its subject's CN does not count, as in Go).
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

/* PEM, from a file or as bytes; neither: none. */
struct nd_tls_pem {
	const char *file;
	const void *bytes;
	size_t len;
};

struct nd_tls_options {
	struct nd_tls_pem ca;   /* one certificate or many; none: the system's */
	struct nd_tls_pem cert; /* our own, its intermediates behind it; with key */
	struct nd_tls_pem key;  /* not encrypted */
	bool insecure;          /* believe anyone (kubeconfig's insecure-skip-tls-verify) */
};

/* Copies the options; files are read when the context is made, and not again: what rotates them
 * makes a new one. 0 or -ENOMEM. */
int nd_tls_new(const struct nd_tls_options *o, struct nd_tls **out);
struct nd_tls *nd_tls_ref(struct nd_tls *t);
void nd_tls_unref(struct nd_tls *t); /* NULL is fine */
/* Makes the context now, so that mistakes in files show. On failure the text says which file and
 * why. */
int nd_tls_prepare(struct nd_tls *t, char text[ND_TLS_TEXT_MAX]);

/* Whom to reach, and the session to resume with. Embedded in its owner; outlives its streams. */
struct nd_tls_target {
	struct nd_tls *tls;
	struct nd_addr addr;
	char *name; /* DNS name or IP address that the certificate must have; the former is sent as
		       SNI */
	char *alpn; /* "h2,http/1.1"; NULL: not offered */
	void *session;    /* of the last connection */
	uint64_t resumed; /* connections that went on with one */
};

/* Copies, takes a reference of tls. 0, -ENOMEM, ND_EFORMAT (a name that is none, an ALPN that is
 * too long). */
int nd_tls_target_init(struct nd_tls_target *t, struct nd_tls *tls, const struct nd_addr *addr,
		       const char *name, const char *alpn);
void nd_tls_target_clear(struct nd_tls_target *t);

/* As struct nd_tcp_handler. on_open comes when the handshake is done. on_close with err 0 is an end
 * that the peer said (close_notify); ND_ECLOSED is a connection that ended without it: what came
 * may have been cut short. */
struct nd_tls_handler {
	void *ctx;
	void (*on_open)(void *ctx, struct nd_tls_stream *s, int err);
	void (*on_data)(void *ctx, struct nd_tls_stream *s, const uint8_t *bytes, size_t n);
	void (*on_close)(void *ctx, struct nd_tls_stream *s, int err);
	void (*on_drain)(void *ctx, struct nd_tls_stream *s);
};

/* No callback from inside. There is no time limit but TCP's: its owner has a timer. text: why it
 * failed. */
int nd_tls_connect(struct nd_loop *loop, struct nd_tls_target *to, const struct nd_addr *source,
		   const struct nd_tls_handler *h, struct nd_tls_stream **out,
		   char text[ND_TLS_TEXT_MAX]);
/* Copies; before the handshake is done it is kept for then. 0, ND_ELIMIT, ND_ECLOSED. */
int nd_tls_write(struct nd_tls_stream *s, const void *bytes, size_t n);
size_t nd_tls_queued(const struct nd_tls_stream *s);
void nd_tls_set_max_queued(struct nd_tls_stream *s, size_t bytes); /* default 1 MiB */
void nd_tls_pause(struct nd_tls_stream *s, bool paused);
/* Says close_notify. No callback comes after it. NULL is fine. */
void nd_tls_close(struct nd_tls_stream *s);
/* What ALPN agreed on: "h2"; "" for nothing. From on_open on. */
const char *nd_tls_alpn(const struct nd_tls_stream *s);
/* In on_open and on_close: one line saying why it failed. */
const char *nd_tls_error_text(const struct nd_tls_stream *s);
