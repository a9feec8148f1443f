/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends to the server of health, ready and metrics, over a connection without a
 * socket. Fed at once and byte by byte, the responses must be the same, but for the date: one for
 * each request, in order, none while the previous one is not written, and nothing after the last
 * one. */
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/http1.h"
#include "io/tcp.h"
#include "io/timer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LARGE = 5000, TURNS_MAX = 30000 };

struct nd_tcp {
	struct nd_tcp_handler handler;
	struct nd_buf out;
	size_t written; /* of out */
	bool paused, finished, gone;
};

struct result {
	struct nd_buf out;
	unsigned handled;
	bool gone;
};

static struct nd_tcp *tcp; /* the connection */
static unsigned handled;
static void (*accept_one)(void *ctx, struct nd_tcp *c);
static void *accept_ctx;

/* --- the door --- */

int nd_tcp_listen(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_tcp_options *o,
		  void (*on_accept)(void *ctx, struct nd_tcp *c), void *ctx,
		  struct nd_tcp_listener **out)
{
	(void)loop;
	(void)addr;
	(void)o;
	accept_one = on_accept;
	accept_ctx = ctx;
	*out = NULL;
	return 0;
}

void nd_tcp_listener_close(struct nd_tcp_listener *l)
{
	(void)l;
}

struct nd_addr nd_tcp_listener_local(const struct nd_tcp_listener *l)
{
	(void)l;
	return (struct nd_addr){ .len = 0 };
}

struct nd_addr nd_tcp_peer(const struct nd_tcp *c)
{
	(void)c;
	return (struct nd_addr){ .len = 0 };
}

void nd_tcp_set_max_queued(struct nd_tcp *c, size_t bytes)
{
	(void)c;
	(void)bytes;
}

void nd_tcp_start(struct nd_tcp *c, const struct nd_tcp_handler *h)
{
	c->handler = *h;
}

int nd_tcp_write(struct nd_tcp *c, const void *bytes, size_t n)
{
	ND_ASSERT(!c->gone && !c->finished);
	return nd_buf_add(&c->out, bytes, n);
}

void nd_tcp_pause(struct nd_tcp *c, bool paused)
{
	ND_ASSERT(!c->gone);
	c->paused = paused;
}

void nd_tcp_finish(struct nd_tcp *c)
{
	ND_ASSERT(!c->gone && !c->finished);
	c->finished = true;
}

void nd_tcp_abort(struct nd_tcp *c)
{
	ND_ASSERT(!c->gone);
	c->gone = true;
}

/* --- the run --- */

static void handle(void *ctx, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	(void)ctx;
	ND_ASSERT(*req->method);
	ND_ASSERT(tcp->written == tcp->out.len);
	handled++;
	nd_buf_printf(&res->body, "%s %s?%s\n", req->method, req->path, req->query);
	if (strcmp(req->path, "/large") == 0)
		for (int i = 0; i < LARGE / 10; i++)
			nd_buf_text(&res->body, "0123456789");
	else if (strcmp(req->path, "/failed") == 0)
		nd_buf_room(&res->body, SIZE_MAX / 2);
}

/* A turn of the loop. True: something happened. */
static bool turn(struct nd_loop *loop)
{
	bool drained = !tcp->gone && tcp->written < tcp->out.len;

	if (drained) {
		tcp->written = tcp->out.len;
		tcp->handler.on_drain(tcp->handler.ctx, tcp);
	}
	bool due = nd_timers_next(nd_timers_of(loop)) <= nd_timers_of(loop)->now_ns;
	nd_timers_fire(nd_timers_of(loop));
	return drained || due;
}

static void settle(struct nd_loop *loop)
{
	unsigned turns = 0;

	while (turn(loop))
		ND_ASSERT(++turns < TURNS_MAX);
}

/* The last response is written, or the connection was ended: further input is not read. */
static bool ended(void)
{
	return tcp->gone || tcp->finished;
}

static void run(struct nd_loop *loop, const uint8_t *data, size_t n, size_t piece,
		struct result *to)
{
	struct nd_http1_server *server;
	struct nd_addr any = { .len = 0 };
	struct nd_tcp connection = { .paused = false };

	tcp = &connection;
	handled = 0;
	nd_buf_init(&tcp->out, 64 << 20);
	ND_ASSERT(nd_http1_server_new(loop, &any, handle, NULL, &server) == 0);
	accept_one(accept_ctx, tcp);
	for (size_t at = 0; at < n && !ended(); at += piece) {
		tcp->handler.on_data(tcp->handler.ctx, tcp, data + at,
				     n - at < piece ? n - at : piece);
		if (piece == 1 || at % 2)
			settle(loop);
	}
	settle(loop);
	ND_ASSERT(tcp->gone || tcp->finished || !tcp->paused);
	to->gone = tcp->gone;
	if (!tcp->gone) {
		tcp->gone = true;
		tcp->handler.on_close(tcp->handler.ctx, tcp, 0);
	}
	nd_http1_server_free(server);
	ND_ASSERT(nd_timers_next(nd_timers_of(loop)) == ND_TIMERS_NONE);
	to->out = tcp->out;
	to->handled = handled;
}

/* Erases dates; returns the number of responses. */
static unsigned check(struct result *r)
{
	static const char date[] = "\r\nDate: ", status[] = "HTTP/1.1 ";
	char *text = r->out.len ? r->out.data : NULL;
	unsigned n = 0;

	nd_buf_string(&r->out);
	ND_ASSERT(!r->out.err);
	for (char *at = text; at && (at = strstr(at, date)); at++)
		memset(at + sizeof date - 1, 'x', strcspn(at + sizeof date - 1, "\r"));
	for (char *at = text; at && (at = strstr(at, status)); at++)
		n++;
	ND_ASSERT(!text || strncmp(text, status, sizeof status - 1) == 0);
	ND_ASSERT(n >= r->handled && n <= r->handled * 2 + 1000);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct nd_loop *loop;
	struct result whole = { .gone = false }, bytes = { .gone = false };

	if (n > 20000)
		return 0;
	if (!loop)
		loop = nd_loop_new();
	run(loop, data, n, n ? n : 1, &whole);
	run(loop, data, n, 1, &bytes);
	ND_ASSERT(check(&whole) == check(&bytes));
	ND_ASSERT(whole.handled == bytes.handled && whole.gone == bytes.gone);
	ND_ASSERT(whole.out.len == bytes.out.len);
	ND_ASSERT(!whole.out.len || memcmp(whole.out.data, bytes.out.data, whole.out.len) == 0);
	nd_buf_clear(&whole.out);
	nd_buf_clear(&bytes.out);
	return 0;
}
