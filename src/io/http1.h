/* SPDX-License-Identifier: Apache-2.0 */
/* http1.h - a small HTTP/1.1 server for health, ready and metrics, and a GET. Over io/tcp, parsed
 * by http-parser; so it runs in the simulation as it is.
 *
 * Owns: servers are heap. Threads: the loop's own. Bounds: 8 KiB of request, 64 connections, 10 s.
 */
#pragma once

#include <stdint.h>
#include "base/addr.h"
#include "base/buf.h"
#include "io/loop.h"

struct nd_http1_request {
	const char *method; /* "GET" */
	const char *path;   /* without the query */
	const char *query;  /* "" if none */
};

struct nd_http1_response {
	int status;               /* 200 unless set */
	const char *content_type; /* "text/plain; charset=utf-8" unless set; static text */
	struct nd_buf body;
};

struct nd_http1_server;

/* Listens; 0 or -errno. The handler fills the response on the loop's thread. */
int nd_http1_server_new(struct nd_loop *loop, const struct nd_addr *addr,
			void (*handle)(void *ctx, const struct nd_http1_request *req,
				       struct nd_http1_response *res),
			void *ctx, struct nd_http1_server **out);
void nd_http1_server_free(struct nd_http1_server *s);
struct nd_addr nd_http1_server_local(const struct nd_http1_server *s);

/* GET http://addr/path; done once: status (> 0) or a negative error; body borrowed. 0 when under
 * way. */
int nd_http1_get(struct nd_loop *loop, const struct nd_addr *addr, const char *path,
		 uint64_t timeout_ns,
		 void (*done)(void *ctx, int status, const char *body, size_t n), void *ctx);
