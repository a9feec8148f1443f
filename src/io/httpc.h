/* SPDX-License-Identifier: Apache-2.0 */
/* httpc.h - a streaming HTTP client for one origin: HTTP/2 if TLS's ALPN selects it, otherwise
 * HTTP/1.1. It uses only tcp.h, tls.h, lookup.h and loop.h, so it also runs in the simulation.
 *
 * Owns:    clients and exchanges are heap; a client owns its connections and exchanges. What a
 *          request or a configuration points to is copied. Arguments of a callback are borrowed
 *          until it returns.
 * Threads: the loop's own.
 * Calls:   no callback runs inside nd_httpc_send(), nd_httpc_pause() or nd_httpc_cancel(). A
 *          callback may call any function here, including nd_httpc_free() of its own client.
 * Errors:  -errno (-ECONNREFUSED, ...; -EHOSTUNREACH: the name was not found), or
 *            ND_ETLS     handshake failed, certificate not trusted, TLS alert, or a file of the
 *                        TLS configuration is unusable
 *            ND_EFORMAT  the response is not valid HTTP
 *            ND_ECLOSED  the stream was reset or the connection closed before the end
 *            ND_ETIME    a time limit, or no answer to a ping
 *            ND_ELIMIT   a maximum below: header bytes, exchanges, request body; or a server that
 *                        sends more than ND_HTTPC_* of what brings no response forward
 *            ND_ENOTYET  a library was missing when this was built
 *          nd_httpc_error_text() gives the reason for a log.
 * Retries: an exchange that certainly had no effect (refused by HTTP/2's GOAWAY or REFUSED_STREAM,
 *          or a GET or HEAD sent on a kept connection that was already closed) is sent once more.
 * Never:   follows redirects, uses proxies, keeps cookies, requests compression, backs off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"
#include "io/tls.h"

struct nd_httpc;
struct nd_httpc_exchange;

enum {
	ND_HTTPC_H1 = 1,
	/* Over plain TCP only if it is the only version: with prior knowledge (RFC 9113 s3.3). */
	ND_HTTPC_H2 = 2,
};

enum { ND_HTTPC_TEXT_MAX = 320 };

/* Zero means the default, given in brackets. */
struct nd_httpc_config {
	struct nd_addr addr;
	/* If not NULL, used instead of addr: looked up for each connection; its addresses are tried
	 * in turn. */
	const char *name;
	uint16_t port;         /* of name */
	struct nd_addr source; /* local address; len 0: any */
	/* For Host and :authority, "name" or "name:port" [addr's text, or name:port]. */
	const char *host;
	struct nd_tls *tls; /* the client takes a reference; NULL: plain TCP */
	/* The name that the certificate must have, and SNI [host without its port]. */
	const char *server_name;
	unsigned versions;    /* ND_HTTPC_*, OR-ed [both] */
	uint64_t connect_ns;  /* limit of lookup, TCP and TLS together [10 s] */
	uint64_t keep_ns;     /* how long a connection without exchanges is kept [90 s] */
	uint64_t ping_ns;     /* HTTP/2: silence after which a ping is sent [15 s] */
	uint64_t pong_ns;     /* HTTP/2: how long to wait for its answer [15 s] */
	size_t head_bytes;    /* maximum of a response's status and headers [64 KiB] */
	size_t window_bytes;  /* HTTP/2: flow-control window of a stream [256 KiB] */
	unsigned connections; /* HTTP/1.1: maximum; further exchanges wait [16] */
	unsigned exchanges;   /* maximum, active or waiting [256] */
};

struct nd_httpc_header {
	const char *name, *value;
};

struct nd_httpc_request {
	const char *method; /* NULL: "GET" */
	const char *target; /* path and query, escaped: "/api/v1/pods?watch=1" */
	/* Without Host, Content-Length and other headers of the protocol, which the client adds. */
	const struct nd_httpc_header *headers;
	size_t nheaders;  /* at most ND_HTTPC_HEADERS_MAX; 64 KiB with the target */
	const void *body; /* at most ND_HTTPC_BODY_MAX */
	size_t body_bytes;
	/* 0: no limit. HTTP/1.1 has no ping: only these limits detect a silent peer. */
	uint64_t head_ns;  /* from nd_httpc_send() to the head of the response */
	uint64_t idle_ns;  /* from then on, between two pieces of the body; not while paused */
	uint64_t total_ns; /* from nd_httpc_send() to the end, pauses included */
};

enum { ND_HTTPC_BODY_MAX = 1 << 20, ND_HTTPC_HEADERS_MAX = 32 };

/* What a server may send that is neither a head nor a part of the body. Beyond it, the exchange or
 * the connection ends with ND_ELIMIT. */
enum {
	/* 1xx responses of an exchange. */
	ND_HTTPC_EARLY_MAX = 16,
	/* HTTP/1.1: bytes of a response around its body: heads, chunk sizes and extensions,
	 * trailers. As in Go, 16 for each chunk and twice the body come on top. */
	ND_HTTPC_AROUND_BYTES_MAX = 256 << 10,
	/* HTTP/2: empty DATA frames in a row (CVE-2019-9518). */
	ND_HTTPC_EMPTY_MAX = 100,
	/* HTTP/2: frames of a connection that carry no data and no head of an exchange: PING,
	 * SETTINGS, PRIORITY, CONTINUATION, ... (CVE-2019-9512, -9513, -9515, CVE-2024-27316). As
	 * many at once, then so many a second. */
	ND_HTTPC_FRAMES_MAX = 2000,
	ND_HTTPC_FRAMES_PER_S = 10,
};

struct nd_httpc_handler {
	void *ctx;
	/* The final status (1xx are skipped). nd_httpc_header() is valid until it returns. May be
	 * NULL. */
	void (*on_head)(void *ctx, struct nd_httpc_exchange *x, int status);
	/* A piece of the body, n > 0, as it arrives. May be NULL. */
	void (*on_data)(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n);
	/* Called once, last, unless the exchange was cancelled; x is freed when it returns. 0: the
	 * response is complete. err < 0 after on_head: only its beginning arrived. */
	void (*on_end)(void *ctx, struct nd_httpc_exchange *x, int err);
};

/* Makes no connection and no TLS context yet. 0, -ENOMEM, or ND_EFORMAT (invalid host, name or
 * server_name). */
int nd_httpc_new(struct nd_loop *loop, const struct nd_httpc_config *config, struct nd_httpc **out);
/* Cancels all exchanges and closes. NULL is fine. Before nd_loop_free(). */
void nd_httpc_free(struct nd_httpc *c);

/* 0: on_end will be called. -ENOMEM, ND_ELIMIT or ND_EFORMAT (a method, target or header that HTTP
 * does not allow): no callback. */
int nd_httpc_send(struct nd_httpc *c, const struct nd_httpc_request *request,
		  const struct nd_httpc_handler *handler, struct nd_httpc_exchange **out);
/* No callback follows. NULL is fine; does nothing in on_end. */
void nd_httpc_cancel(struct nd_httpc_exchange *x);
/* While paused: no on_data, and no on_end except for an error. A bounded amount is buffered, then
 * flow control stops the server. Other exchanges continue. */
void nd_httpc_pause(struct nd_httpc_exchange *x, bool paused);

/* In on_head: the first header of that name (case-insensitive), or NULL. */
const char *nd_httpc_header(const struct nd_httpc_exchange *x, const char *name);
/* In on_end: one line, "10.0.0.1:443: connect: Connection refused". Never NULL. */
const char *nd_httpc_error_text(const struct nd_httpc_exchange *x);
/* The HTTP version, 1 or 2; from on_head on. */
unsigned nd_httpc_version(const struct nd_httpc_exchange *x);

struct nd_httpc_stats {
	uint64_t connects, failed_connects, resumed; /* resumed: TLS sessions */
	uint64_t sent, retried;                      /* exchanges; those sent once more */
	unsigned connections, exchanges;             /* now */
};
struct nd_httpc_stats nd_httpc_stats(const struct nd_httpc *c);
