/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an HTTP server. The first byte selects the HTTP version and the behaviour of the
 * client's user. Fed at once and byte by byte, the result must be the same; each exchange must
 * end once; nothing may be delivered while an exchange is paused. */
#include <stdlib.h>
#include <string.h>
#include "io/clock.h"
#include "io/h1.h"
#include "io/h2.h"
#include "io/timer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { H2 = 1, HEAD = 2, PAUSES = 4, CANCELS = 8, CALLS = 2 };

struct call {
	struct nd_httpc_exchange *x; /* NULL: ended */
	uint8_t how;
	unsigned heads, ends;
	int err, status;
	uint64_t hash;
	size_t bytes;
	bool paused;
};

static struct nd_loop *loop;

static void on_head(void *ctx, struct nd_httpc_exchange *x, int status)
{
	struct call *c = ctx;
	const char *type = nd_httpc_header(x, "Content-Type");

	ND_ASSERT(c->x == x && c->heads++ == 0 && !c->paused && status >= 200);
	c->status = status;
	c->hash = type ? strlen(type) : 1;
	if (c->how & PAUSES)
		nd_httpc_pause(x, c->paused = true);
}

static void on_data(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n)
{
	struct call *c = ctx;

	ND_ASSERT(c->x == x && c->heads == 1 && !c->paused && n);
	for (size_t i = 0; i < n; i++)
		c->hash = (c->hash ^ bytes[i]) * 1099511628211u;
	c->bytes += n;
	if (c->how & CANCELS) {
		c->x = NULL;
		nd_httpc_cancel(x);
	} else if (c->how & PAUSES) {
		nd_httpc_pause(x, c->paused = true);
	}
}

static void on_end(void *ctx, struct nd_httpc_exchange *x, int err)
{
	struct call *c = ctx;

	ND_ASSERT(c->x == x && c->ends++ == 0 && (err || (c->heads && !c->paused)));
	ND_ASSERT(nd_httpc_error_text(x)[0]);
	c->x = NULL;
	c->err = err;
}

/* Opens a connection without a server: its output stays queued, its input is fed by the test. */
static struct nd_httpc_conn *open_conn(struct nd_httpc *client, uint8_t how)
{
	char text[ND_TLS_TEXT_MAX];

	ND_ASSERT(nd_httpc_conn_new(client, text) == 0);
	struct nd_httpc_conn *c = ND_LIST_ENTRY(client->conns.next, struct nd_httpc_conn, node);
	c->engine = how & H2 ? &nd_h2_engine : &nd_h1_engine;
	ND_ASSERT(c->engine->open(c) == 0);
	c->open = true;
	return c;
}

static void feed(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n)
{
	if (c->dead)
		return;
	c->reads++;
	int err = c->engine->feed(c, bytes, n);
	if (err)
		nd_httpc_conn_fail(c, err);
}

/* Resumes paused exchanges, so held data is delivered. The timer that assigns exchanges is stopped,
 * because there is no second connection for those that wait. */
static void resume(struct nd_httpc *client, struct call *calls)
{
	for (int again = 1; again;) {
		again = 0;
		for (size_t i = 0; i < CALLS; i++) {
			if (!calls[i].x || !calls[i].paused)
				continue;
			calls[i].paused = false;
			nd_httpc_pause(calls[i].x, false);
			again = 1;
		}
		nd_timer_stop(&client->dispatch);
		nd_timers_fire(nd_timers_of(loop));
	}
}

static void stop(struct nd_timer *t)
{
	(void)t;
	nd_loop_stop(loop);
}

static void run(uint8_t how, struct call calls[CALLS], const uint8_t *data, size_t n, size_t piece)
{
	struct nd_httpc_config config = { .head_bytes = 512,
					  .window_bytes = 1024,
					  .versions = how & H2 ? ND_HTTPC_H2 : ND_HTTPC_H1 };
	struct nd_httpc_request request = { .method = how & HEAD ? "HEAD" : "GET", .target = "/" };
	struct nd_timer limit = { .fn = NULL };
	struct nd_httpc *client;

	nd_addr_parse("127.0.0.1:1", 0, &config.addr);
	ND_ASSERT(nd_httpc_new(loop, &config, &client) == 0);
	struct nd_httpc_conn *c = open_conn(client, how);
	nd_httpc_conn_enter(c);
	for (size_t i = 0; i < (how & H2 ? CALLS : 1); i++) {
		struct nd_httpc_handler h = { &calls[i], on_head, on_data, on_end };
		calls[i] = (struct call){ .how = how };
		ND_ASSERT(nd_httpc_send(client, &request, &h, &calls[i].x) == 0);
		nd_list_pop(&client->waiting);
		client->nwaiting--;
		nd_httpc_conn_begin(c, calls[i].x);
	}
	for (size_t at = 0; at < n; at += piece) {
		feed(c, data + at, n - at < piece ? n - at : piece);
		if (at % 3 == 0)
			resume(client, calls);
	}
	resume(client, calls);
	if (!c->dead) {
		c->engine->eof(c);
		resume(client, calls);
		nd_httpc_conn_fail(c, ND_ECLOSED);
	}
	nd_httpc_conn_exit(c);
	nd_httpc_free(client);
	nd_timer_start(loop, &limit, 0, stop);
	nd_loop_run(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct call whole[CALLS] = { 0 }, bytes[CALLS] = { 0 };

	if (n < 2 || n > 4096)
		return 0;
	if (!loop)
		loop = nd_loop_new();
	run(data[0], whole, data + 1, n - 1, n);
	run(data[0], bytes, data + 1, n - 1, 1);
	for (size_t i = 0; i < CALLS; i++) {
		ND_ASSERT(whole[i].ends <= 1 && bytes[i].ends <= 1);
		/* an error is not held back by a pause, so data before it can be missing */
		if (data[0] & (PAUSES | CANCELS))
			continue;
		/* The place of an error can differ: limits are checked per piece, and nghttp2
		 * ends a faulty stream when it sends RST_STREAM. */
		if (data[0] & H2 && (whole[i].err || bytes[i].err))
			continue;
		ND_ASSERT(!whole[i].err == !bytes[i].err && whole[i].status == bytes[i].status &&
			  whole[i].hash == bytes[i].hash && whole[i].bytes == bytes[i].bytes);
	}
	return 0;
}
