/* SPDX-License-Identifier: Apache-2.0 */
/* http1.h - a small HTTP/1.1 server for health, ready and metrics, and a GET. It runs over io/tcp,
 * so also in the simulation; requests are parsed by http-parser.
 *
 * Owns:    servers are heap, with their connections.
 * Threads: the loop's own.
 * Bounds:  8 KiB per request, one request per connection and turn of the loop, 10 s to send a
 *          request and 10 s to read its response, ND_HTTP1_CONNECTIONS_MAX connections.
 *
 * A new connection always gets in: the least useful one makes room. Responses that wait to be
 * written are in the memory budget (ND_BUDGET_HTTP); without room the response is 503.
 */
#pragma once

#include <stdint.h>
#include "base/addr.h"
#include "base/buf.h"
#include "io/loop.h"

enum {
	ND_HTTP1_CONNECTIONS_MAX = 64,
	/* Of these, the ones that always get a descriptor. The others have a quarter of the
	 * clients' part (nofile.h), of all servers together. */
	ND_HTTP1_CONNECTIONS_MIN = 16,
};

struct nd_http1_request {
	const char *method; /* "GET" */
	const char *path;   /* without the query */
	const char *query;  /* "" if none */
};

struct nd_http1_response {
	int status;               /* default 200 */
	const char *content_type; /* default "text/plain; charset=utf-8"; static text */
	struct nd_buf body;
};

struct nd_http1_server;

/* Listens; on 0.0.0.0 and :: for both families, where the machine has IPv6. 0 or -errno. handle
 * fills in the response before it returns; req is borrowed. */
int nd_http1_server_new(struct nd_loop *loop, const struct nd_addr *addr,
			void (*handle)(void *ctx, const struct nd_http1_request *req,
				       struct nd_http1_response *res),
			void *ctx, struct nd_http1_server **out);
void nd_http1_server_free(struct nd_http1_server *s);
struct nd_addr nd_http1_server_local(const struct nd_http1_server *s);

/* GET http://addr/path. 0: done is called once, later, with a status (> 0) and a borrowed body, or
 * a negative error. */
int nd_http1_get(struct nd_loop *loop, const struct nd_addr *addr, const char *path,
		 uint64_t timeout_ns,
		 void (*done)(void *ctx, int status, const char *body, size_t n), void *ctx);
