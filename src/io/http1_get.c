/* SPDX-License-Identifier: Apache-2.0 */
/* nd_http1_get: one request on a connection of its own. */
#include <errno.h>
#include <http_parser.h>
#include <stdbool.h>
#include <stdlib.h>
#include "base/err.h"
#include "io/http1.h"
#include "io/tcp.h"

enum { REQUEST_MAX = 8192, ANSWER_MAX = 4 << 20 /* body of the response */ };

struct get {
	struct nd_tcp *tcp;
	struct nd_timer deadline;
	struct nd_buf request, body;
	http_parser parser;
	bool complete;
	void (*done)(void *ctx, int status, const char *body, size_t n);
	void *ctx;
};

static void free_get(struct get *g)
{
	nd_timer_stop(&g->deadline);
	nd_buf_clear(&g->request);
	nd_buf_clear(&g->body);
	free(g);
}

/* Calls done. The stream is closed already, or the caller closes it. */
static void finish(struct get *g, int status)
{
	if (status > 0)
		g->done(g->ctx, status, nd_buf_string(&g->body), g->body.len);
	else
		g->done(g->ctx, status, "", 0);
	free_get(g);
}

static void abandon(struct get *g, int status)
{
	nd_tcp_close(g->tcp);
	finish(g, status);
}

static void on_deadline(struct nd_timer *t)
{
	abandon(ND_CONTAINER(t, struct get, deadline), ND_ETIME);
}

static int on_answer_body(http_parser *p, const char *bytes, size_t n)
{
	struct get *g = p->data;

	return nd_buf_add(&g->body, bytes, n) != 0;
}

static int on_answer_complete(http_parser *p)
{
	struct get *g = p->data;

	g->complete = p->status_code >= 200; /* skips 1xx responses */
	return g->complete;
}

static const http_parser_settings answer_settings = {
	.on_body = on_answer_body,
	.on_message_complete = on_answer_complete,
};

static void on_get_open(void *ctx, struct nd_tcp *tcp, int err)
{
	struct get *g = ctx;

	if (err) {
		finish(g, err);
		return;
	}
	err = nd_tcp_write(tcp, g->request.data, g->request.len);
	if (err)
		abandon(g, err);
}

static void on_get_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct get *g = ctx;
	(void)tcp;

	http_parser_execute(&g->parser, &answer_settings, (const char *)bytes, n);
	if (g->complete)
		abandon(g, (int)g->parser.status_code);
	else if (g->body.err)
		abandon(g, g->body.err);
	else if (HTTP_PARSER_ERRNO(&g->parser) != HPE_OK || g->parser.upgrade)
		abandon(g, ND_EFORMAT);
}

static void on_get_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct get *g = ctx;
	(void)tcp;

	if (!err) /* the end of a body without a length */
		http_parser_execute(&g->parser, &answer_settings, NULL, 0);
	finish(g, g->complete ? (int)g->parser.status_code : err ? err : ND_ECLOSED);
}

int nd_http1_get(struct nd_loop *loop, const struct nd_addr *addr, const char *path,
		 uint64_t timeout_ns,
		 void (*done)(void *ctx, int status, const char *body, size_t n), void *ctx)
{
	char host[ND_ADDR_TEXT_MAX];
	struct nd_tcp_handler h = { .on_open = on_get_open,
				    .on_data = on_get_data,
				    .on_close = on_get_close };
	struct get *g = malloc(sizeof *g);

	if (!g)
		return -ENOMEM;
	*g = (struct get){ .done = done, .ctx = ctx };
	h.ctx = g;
	http_parser_init(&g->parser, HTTP_RESPONSE);
	g->parser.data = g;
	nd_buf_init(&g->body, ANSWER_MAX);
	nd_buf_init(&g->request, REQUEST_MAX);
	nd_addr_format(addr, host);
	nd_buf_printf(&g->request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
		      host);
	int err = g->request.err ? g->request.err : nd_tcp_connect(loop, addr, NULL, &h, &g->tcp);
	if (err) {
		free_get(g);
		return err;
	}
	nd_timer_start(loop, &g->deadline, timeout_ns, on_deadline);
	return 0;
}
