/* SPDX-License-Identifier: Apache-2.0 */
/* httpc.h - an HTTP client of one origin, streaming: HTTP/2 where TLS's ALPN agrees on it, else
 * HTTP/1.1. Stands on tcp.h, lookup.h and loop.h alone, so it runs in the simulation as it is.
 *
 * Owns:    clients and exchanges are heap. A client owns its connections and exchanges. What a
 * request or a configuration points to is copied; what a callback is handed is borrowed until it
 * returns. Threads: the loop's own. Calls:   nothing calls back from inside nd_httpc_send(),
 * nd_httpc_pause() or nd_httpc_cancel(). From a callback everything here may be called,
 * nd_httpc_free() of its own client included. Errors:  -errno (-ECONNREFUSED, ..., -EHOSTUNREACH:
 * the name is not found), or ND_ETLS     the handshake failed, a certificate is not trusted, an
 * alert came, or a file of the TLS configuration cannot be used; ND_EFORMAT  what came is not HTTP,
 * or breaks its rules; ND_ECLOSED  cut before the end: the stream was reset, or the connection
 * went; ND_ETIME    a time limit, or no answer to a ping; ND_ELIMIT   a maximum below: of the
 * head's bytes, of exchanges, of the request's body; ND_ENOTYET  a library was missing when this
 * was built. nd_httpc_error_text() says why, for a log. Does not: follow redirects, know proxies,
 * keep cookies, ask for compression, wait before it tries again. An exchange that certainly had no
 * effect (refused by HTTP/2's GOAWAY or REFUSED_STREAM, or a GET or HEAD sent on a kept connection
 * that turned out to be gone) goes out once more by itself.
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
	ND_HTTPC_H2 = 2, /* over plain TCP only if it is the only one: then without asking (RFC 9113
			    s3.3) */
};

enum { ND_HTTPC_TEXT_MAX = 320 };

/* Zero: the value in brackets. */
struct nd_httpc_config {
	struct nd_addr addr;
	/* Not NULL: in place of addr. It is looked up for each connection, and its addresses are
	 * tried in turn. */
	const char *name;
	uint16_t port;      /* of name */
	const char *host;   /* for Host and :authority, "name" or "name:port" [addr's text, or
			       name:port] */
	struct nd_tls *tls; /* a reference is taken; NULL: plain TCP */
	const char
		*server_name; /* whom the certificate must name, and SNI [host without its port] */
	unsigned versions;    /* ND_HTTPC_* or-ed [both] */
	uint64_t connect_ns;  /* for lookup, TCP and TLS together [10 s] */
	uint64_t keep_ns;     /* a connection without exchanges is kept so long [90 s] */
	uint64_t ping_ns;     /* HTTP/2: so long nothing heard, and a ping goes out; [15 s] */
	uint64_t pong_ns;     /* so long no answer, and the connection is given up [15 s] */
	size_t head_bytes;    /* of a response's status and headers [64 KiB] */
	size_t window_bytes;  /* HTTP/2: what a stream may send ahead, and a paused one holds [256
				 KiB] */
	unsigned connections; /* HTTP/1.1, at a time; more exchanges wait for one [16] */
	unsigned exchanges;   /* under way or waiting [256] */
};

struct nd_httpc_header {
	const char *name, *value;
};

struct nd_httpc_request {
	const char *method; /* NULL: "GET" */
	const char *target; /* path and query, escaped: "/api/v1/pods?watch=1" */
	/* Beside Host, Content-Length and what the protocol needs, which are ours. */
	const struct nd_httpc_header *headers;
	size_t nheaders;  /* at most ND_HTTPC_HEADERS_MAX, of 64 KiB with the target */
	const void *body; /* at most ND_HTTPC_BODY_MAX */
	size_t body_bytes;
	/* 0: no limit. HTTP/1.1 has no ping: there these alone notice a peer that has gone silent. */
	uint64_t head_ns; /* from nd_httpc_send() to the head of the response */
	uint64_t idle_ns; /* from then on, between two pieces of the body; stands still while paused
			   */
};

enum { ND_HTTPC_BODY_MAX = 1 << 20, ND_HTTPC_HEADERS_MAX = 32 };

struct nd_httpc_handler {
	void *ctx;
	/* The final status (1xx are skipped); nd_httpc_header() finds headers until it returns. May
	 * be NULL. */
	void (*on_head)(void *ctx, struct nd_httpc_exchange *x, int status);
	/* Some of the body, n > 0, whenever some comes. May be NULL. */
	void (*on_data)(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n);
	/* 0: the response is whole. Comes once, last, unless it was cancelled; the exchange is gone
	 * when it returns. err < 0 after on_head: what came was the beginning. */
	void (*on_end)(void *ctx, struct nd_httpc_exchange *x, int err);
};

/* No connection is made yet and no TLS context. 0, -ENOMEM, or ND_EFORMAT: host or server_name is
 * none. */
int nd_httpc_new(struct nd_loop *loop, const struct nd_httpc_config *config, struct nd_httpc **out);
/* Cancels what is under way, closes. NULL is fine. Before nd_loop_free(). */
void nd_httpc_free(struct nd_httpc *c);

/* 0, and on_end will come; or -ENOMEM, ND_ELIMIT, ND_EFORMAT (method, target or a header that HTTP
 * does not allow), and nothing will. */
int nd_httpc_send(struct nd_httpc *c, const struct nd_httpc_request *request,
		  const struct nd_httpc_handler *handler, struct nd_httpc_exchange **out);
/* No callback comes after it. NULL is fine; in on_end it does nothing. */
void nd_httpc_cancel(struct nd_httpc_exchange *x);
/* Paused: no on_data, and no on_end but for an error, until it is let go on; a bounded amount is
 * held meanwhile, then the server is made to wait. Other exchanges go on. */
void nd_httpc_pause(struct nd_httpc_exchange *x, bool paused);

/* In on_head: the first header of that name (case aside), or NULL. */
const char *nd_httpc_header(const struct nd_httpc_exchange *x, const char *name);
/* In on_end: one line, "10.0.0.1:443: connect: Connection refused". Never NULL. */
const char *nd_httpc_error_text(const struct nd_httpc_exchange *x);
/* From on_head on: 1 or 2, which HTTP it is. */
unsigned nd_httpc_version(const struct nd_httpc_exchange *x);

struct nd_httpc_stats {
	uint64_t connects, failed_connects, resumed; /* resumed: TLS sessions */
	uint64_t sent, again;                        /* exchanges; those sent once more */
	unsigned connections, exchanges;             /* now */
};
struct nd_httpc_stats nd_httpc_stats(const struct nd_httpc *c);
