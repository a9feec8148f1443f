/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/clock.h"
#include "io/http1.h"
#include "io/tcp.h"

struct rig {
	struct nd_loop *loop;
	struct nd_http1_server *server;
	struct nd_addr at;
	struct nd_timer limit;
	struct nd_buf got; /* everything the raw client has read */
	unsigned closed;   /* by the server */
	unsigned opened, handled;
	int status; /* of a GET */
	struct nd_buf body;
};

static void give_up(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct rig, limit)->loop);
}

static void run(struct rig *r, unsigned ms)
{
	nd_timer_start(r->loop, &r->limit, ND_MS(ms), give_up);
	nd_loop_run(r->loop);
	nd_timer_stop(&r->limit);
}

/* Runs until cond holds, or a generous limit has passed (slow machines). */
#define RUN_UNTIL(r, cond)                                    \
	for (int step_ = 0; step_ < 1000 && !(cond); step_++) \
	run(r, 5)

static void handle(void *ctx, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	struct rig *r = ctx;

	r->handled++;
	if (strcmp(req->path, "/health") == 0) {
		nd_buf_text(&res->body, "OK");
	} else if (strcmp(req->path, "/show") == 0) {
		res->content_type = "text/x-show";
		nd_buf_printf(&res->body, "%s %s", req->method, req->query);
	} else if (strcmp(req->path, "/large") == 0) {
		for (int i = 0; i < 200000; i++)
			nd_buf_text(&res->body, "0123456789");
	} else if (strcmp(req->path, "/huge") == 0) {
		nd_buf_room(&res->body, 1 << 30);
	} else {
		res->status = 404;
	}
}

static void open_rig(struct rig *r)
{
	struct nd_addr at;

	*r = (struct rig){ .loop = nd_loop_new() };
	nd_buf_init(&r->got, 64 << 20);
	nd_buf_init(&r->body, 64 << 20);
	nd_addr_parse("127.0.0.1:0", 0, &at);
	assert_int_equal(nd_http1_server_new(r->loop, &at, handle, r, &r->server), 0);
	r->at = nd_http1_server_local(r->server);
}

static void close_rig(struct rig *r)
{
	nd_http1_server_free(r->server);
	nd_loop_free(r->loop);
	nd_buf_clear(&r->got);
	nd_buf_clear(&r->body);
}

static void on_open(void *ctx, struct nd_tcp *c, int err)
{
	struct rig *r = ctx;
	(void)c;

	r->opened++;
	assert_int_equal(err, 0);
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct rig *r = ctx;
	(void)c;

	nd_buf_add(&r->got, bytes, n);
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	struct rig *r = ctx;
	(void)c;
	(void)err;

	r->closed++;
	nd_loop_stop(r->loop);
}

static struct nd_tcp *connect_raw(struct rig *r)
{
	struct nd_tcp *c;

	assert_int_equal(nd_tcp_connect(r->loop, &r->at, NULL,
					&(struct nd_tcp_handler){ .ctx = r,
								  .on_open = on_open,
								  .on_data = on_data,
								  .on_close = on_close },
					&c),
			 0);
	return c;
}

/* The number of times needle was received. */
static unsigned times(const struct rig *r, const char *needle)
{
	unsigned n = 0;

	for (const char *at = nd_buf_string(&r->got); (at = strstr(at, needle)); at++)
		n++;
	return n;
}

static bool all_there(const struct rig *r, const char *const want[4])
{
	for (size_t k = 0; k < 4 && want[k]; k++) {
		if (!times(r, want[k]))
			return false;
	}
	return true;
}

static void test_requests(void **state)
{
	static const struct {
		const char *name, *request;
		bool closed;
		unsigned handled;
		const char *want[4]; /* all are in the answer, */
		const char *never;   /* this is not */
	} rows[] = {
		{ "get",
		  "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
		  false,
		  1,
		  { "HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n", "\r\n\r\nOK",
		    "Content-Type: text/plain; charset=utf-8\r\n" },
		  "close" },
		{ "query",
		  "GET /show?a=b&c HTTP/1.1\r\n\r\n",
		  false,
		  1,
		  { "GET a=b&c", "Content-Type: text/x-show\r\n", "Date: " },
		  "close" },
		{ "absolute target",
		  "GET http://x:1/show?q HTTP/1.1\r\n\r\n",
		  false,
		  1,
		  { "GET q" },
		  "close" },
		{ "head",
		  "HEAD /health HTTP/1.1\r\n\r\n",
		  false,
		  1,
		  { "200 OK", "Content-Length: 2\r\n" },
		  "\r\nOK" },
		{ "not found",
		  "GET /nothing HTTP/1.1\r\n\r\n",
		  false,
		  1,
		  { "HTTP/1.1 404 Not Found\r\n", "Content-Length: 0\r\n" },
		  "close" },
		{ "post",
		  "POST /health HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
		  false,
		  1,
		  { "HTTP/1.1 200 OK\r\n", "\r\n\r\nOK" },
		  "close" },
		{ "options", "OPTIONS /show?a HTTP/1.1\r\n\r\n", false, 1, { "OPTIONS a" }, "close" },
		{ "connect", "CONNECT x:1 HTTP/1.1\r\n\r\n", true, 0, { "HTTP/1.1 400 " }, "200" },
		{ "upgrade ignored",
		  "GET /health HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
		  "GET /show?second HTTP/1.1\r\n\r\n",
		  false,
		  2,
		  { "\r\n\r\nOK", "GET second" },
		  "400" },
		{ "body of a get",
		  "GET /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "3\r\nabc\r\n0\r\n\r\n",
		  false,
		  1,
		  { "200 OK" },
		  "close" },
		{ "connection: close",
		  "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
		  true,
		  1,
		  { "200 OK", "Connection: close\r\n", "\r\n\r\nOK" },
		  "keep" },
		{ "HTTP/1.0",
		  "GET /health HTTP/1.0\r\n\r\n",
		  true,
		  1,
		  { "200 OK", "close" },
		  "keep" },
		{ "HTTP/1.0 keep-alive",
		  "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		  false,
		  1,
		  { "200 OK", "Connection: keep-alive" },
		  "close" },
		{ "nonsense",
		  "hello\r\n\r\n",
		  true,
		  0,
		  { "HTTP/1.1 400 Bad Request\r\n", "close" },
		  "200" },
		{ "bad target", "GET nowhere HTTP/1.1\r\n\r\n", true, 0, { "HTTP/1.1 400 " }, "200" },
		{ "two lengths",
		  "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		  true,
		  0,
		  { "HTTP/1.1 400 " },
		  "200" },
		{ "long body",
		  "GET / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n",
		  true,
		  0,
		  { "HTTP/1.1 413 " },
		  "200" },
		{ "answer too long",
		  "GET /huge HTTP/1.1\r\n\r\n",
		  false,
		  1,
		  { "HTTP/1.1 500 " },
		  "200" },
		{ "nonsense after a request",
		  "GET /health HTTP/1.1\r\n\r\n\1\2\3",
		  true,
		  1,
		  { "200 OK", "HTTP/1.1 400 " },
		  "404" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		open_rig(&r);
		struct nd_tcp *c = connect_raw(&r);
		nd_tcp_write(c, rows[i].request, strlen(rows[i].request));
		RUN_UNTIL(&r, all_there(&r, rows[i].want) && r.closed == rows[i].closed);
		run(&r, 5); /* to receive what should not be sent */
		for (size_t k = 0; k < 4 && rows[i].want[k]; k++) {
			if (times(&r, rows[i].want[k]) != 1)
				fail_msg("%s: want %s in %s", rows[i].name, rows[i].want[k],
					 nd_buf_string(&r.got));
		}
		if (times(&r, rows[i].never))
			fail_msg("%s: %s in %s", rows[i].name, rows[i].never,
				 nd_buf_string(&r.got));
		if (r.closed != rows[i].closed || r.handled != rows[i].handled)
			fail_msg("%s: closed %d, handled %u", rows[i].name, r.closed, r.handled);
		if (!r.closed)
			nd_tcp_close(c);
		close_rig(&r);
	}
}

/* Ten requests, in pieces of each size: ten answers, in order. */
static void test_pipelined(void **state)
{
	static const size_t pieces[] = { 1, 3, 17, 1000 };
	(void)state;

	for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
		struct rig r;
		struct nd_buf all;
		open_rig(&r);
		struct nd_tcp *c = connect_raw(&r);
		nd_buf_init(&all, 4096);
		for (int i = 0; i < 10; i++)
			nd_buf_printf(&all, "GET /show?%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
		for (size_t at = 0; at < all.len; at += pieces[p]) {
			size_t n = all.len - at < pieces[p] ? all.len - at : pieces[p];
			nd_tcp_write(c, all.data + at, n);
			run(&r, pieces[p] == 1 ? 0 : 1);
		}
		RUN_UNTIL(&r, times(&r, "GET 9"));
		const char *at = nd_buf_string(&r.got);
		for (int i = 0; i < 10; i++) {
			char want[16];
			snprintf(want, sizeof want, "\r\n\r\nGET %d", i);
			at = strstr(at, want);
			if (!at)
				fail_msg("pieces of %zu: no answer %d", pieces[p], i);
		}
		assert_int_equal(r.handled, 10);
		nd_buf_clear(&all);
		nd_tcp_close(c);
		close_rig(&r);
	}
}

/* A request over 8 KiB is rejected, in whichever part, and not buffered. */
static void test_bounds(void **state)
{
	static const struct {
		const char *name, *start, *repeat, *want;
	} rows[] = {
		{ "target", "GET /", "a", "HTTP/1.1 4" },
		{ "header value", "GET / HTTP/1.1\r\nA: ", "b", "HTTP/1.1 431" },
		{ "headers", "GET / HTTP/1.1\r\n", "A: b\r\n", "HTTP/1.1 431" },
		{ "chunks", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nabcd\r\n",
		  "HTTP/1.1 413" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		open_rig(&r);
		struct nd_tcp *c = connect_raw(&r);
		nd_tcp_write(c, rows[i].start, strlen(rows[i].start));
		for (size_t n = 0; n < 60000; n += strlen(rows[i].repeat))
			nd_tcp_write(c, rows[i].repeat, strlen(rows[i].repeat));
		RUN_UNTIL(&r, r.closed);
		if (!r.closed || r.handled || times(&r, rows[i].want) != 1)
			fail_msg("%s: closed %d, %s", rows[i].name, r.closed,
				 nd_buf_string(&r.got));
		close_rig(&r);
	}
}

/* A full table: a new connection always gets in, and the connection that is idle longest makes
 * room. */
static void test_connections(void **state)
{
	struct rig r;
	struct nd_tcp *c[ND_HTTP1_CONNECTIONS_MAX];
	unsigned n = 0;
	(void)state;

	open_rig(&r);
	for (size_t i = 0; i < ND_HTTP1_CONNECTIONS_MAX; i++) {
		c[i] = connect_raw(&r);
		nd_tcp_write(c[i], "GET /health HTTP/1.1\r\n\r\n", 24);
		RUN_UNTIL(&r, r.handled == i + 1);
	}
	run(&r, 50);
	assert_false(r.closed);
	for (n = 0; n < 3; n++) {
		struct nd_tcp *late = connect_raw(&r);
		nd_tcp_write(late, "GET /health HTTP/1.1\r\n\r\n", 24);
		RUN_UNTIL(&r, r.handled == ND_HTTP1_CONNECTIONS_MAX + n + 1);
		assert_int_equal(r.handled, ND_HTTP1_CONNECTIONS_MAX + n + 1);
	}
	RUN_UNTIL(&r, r.closed == 3);
	assert_int_equal(r.closed, 3); /* the first three */
	for (size_t i = 3; i < ND_HTTP1_CONNECTIONS_MAX; i++)
		nd_tcp_write(c[i], "GET /health HTTP/1.1\r\n\r\n", 24);
	RUN_UNTIL(&r, r.handled == 2 * ND_HTTP1_CONNECTIONS_MAX);
	assert_int_equal(r.handled, 2 * ND_HTTP1_CONNECTIONS_MAX);
	close_rig(&r);
}

/* Connections that send a byte now and then, more than the table holds: a probe still gets its
 * answer. */
static void test_probe_among_drips(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r);
	for (size_t i = 0; i < 2 * ND_HTTP1_CONNECTIONS_MAX; i++)
		nd_tcp_write(connect_raw(&r), "G", 1);
	run(&r, 50);
	for (unsigned n = 1; n <= 20; n++) {
		nd_tcp_write(connect_raw(&r), "GET /health HTTP/1.1\r\n\r\n", 24);
		for (int i = 0; i < 4; i++)
			nd_tcp_write(connect_raw(&r), "G", 1);
		RUN_UNTIL(&r, r.handled == n);
		assert_int_equal(r.handled, n);
	}
	RUN_UNTIL(&r, r.opened == 2 * ND_HTTP1_CONNECTIONS_MAX + 20 * 5);
	close_rig(&r);
}

/* A client that pipelines and never reads costs one response, whatever the number of requests. */
static void test_greedy(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r);
	struct nd_tcp *c = connect_raw(&r);
	nd_tcp_pause(c, true);
	for (int i = 0; i < 100; i++)
		nd_tcp_write(c, "GET /large HTTP/1.1\r\n\r\n", 23);
	run(&r, 300);
	assert_in_range(r.handled, 1,
			4); /* more than one only as far as the kernel buffers take them */
	assert_true(nd_budget_used(ND_BUDGET_HTTP) > 0);
	nd_tcp_close(c);
	run(&r, 50);
	assert_int_equal(nd_budget_used(ND_BUDGET_HTTP), 0);
	close_rig(&r);
}

/* One request per connection and turn: between any two requests of a pipeline other events run. */
static void count_turns(void *ctx)
{
	++*(unsigned *)ctx;
}

static void test_one_request_a_turn(void **state)
{
	struct rig r;
	struct nd_buf all;
	unsigned turns = 0;
	(void)state;

	open_rig(&r);
	struct nd_tcp *c = connect_raw(&r);
	nd_buf_init(&all, 65536);
	for (int i = 0; i < 100; i++)
		nd_buf_text(&all, "GET /health HTTP/1.1\r\n\r\n");
	RUN_UNTIL(&r, r.opened);
	nd_loop_on_turn(r.loop, count_turns, &turns);
	nd_tcp_write(c, all.data, all.len);
	RUN_UNTIL(&r, r.handled == 100);
	assert_int_equal(r.handled, 100);
	assert_true(turns >= 100);
	nd_buf_clear(&all);
	close_rig(&r);
}

/* Without room in the budget a large response becomes 503. */
static void test_budget(void **state)
{
	struct rig r;
	size_t all = 0;
	(void)state;

	open_rig(&r);
	while (nd_budget_take(ND_BUDGET_HTTP, 65536))
		all += 65536;
	struct nd_tcp *c = connect_raw(&r);
	nd_tcp_write(c, "GET /large HTTP/1.1\r\n\r\n", 23);
	RUN_UNTIL(&r, r.closed);
	assert_int_equal(times(&r, "HTTP/1.1 503"), 1);
	nd_budget_give(ND_BUDGET_HTTP, all);
	close_rig(&r);
}

static void done(void *ctx, int status, const char *body, size_t n)
{
	struct rig *r = ctx;

	r->status = status;
	nd_buf_reset(&r->body);
	nd_buf_add(&r->body, body, n);
	nd_loop_stop(r->loop);
}

static void test_get(void **state)
{
	static const struct {
		const char *name, *path;
		int status;
		size_t n;
		const char *body;
	} rows[] = {
		{ "small", "/health", 200, 2, "OK" },
		{ "large", "/large", 200, 2000000, NULL },
		{ "not found", "/x", 404, 0, "" },
		{ "query", "/show?x=y", 200, 7, "GET x=y" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		open_rig(&r);
		assert_int_equal(nd_http1_get(r.loop, &r.at, rows[i].path, ND_S(1), done, &r), 0);
		run(&r, 3000);
		if (r.status != rows[i].status || r.body.len != rows[i].n ||
		    (rows[i].body && strcmp(nd_buf_string(&r.body), rows[i].body) != 0))
			fail_msg("%s: status %d, %zu bytes", rows[i].name, r.status, r.body.len);
		close_rig(&r);
	}
}

/* A server that sends the row's bytes, then closes. */
struct fake {
	const char *says;
	struct nd_tcp *c;
};

static void fake_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct fake *f = ctx;
	(void)bytes;
	(void)n;

	if (!f->says)
		return;
	nd_tcp_write(c, f->says, strlen(f->says));
	nd_tcp_close(c);
	f->c = NULL;
}

static void fake_close(void *ctx, struct nd_tcp *c, int err)
{
	struct fake *f = ctx;
	(void)c;
	(void)err;

	f->c = NULL;
}

static void fake_accept(void *ctx, struct nd_tcp *c)
{
	struct fake *f = ctx;

	f->c = c;
	nd_tcp_start(c, &(struct nd_tcp_handler){
				.ctx = f, .on_data = fake_data, .on_close = fake_close });
}

static void test_get_from_others(void **state)
{
	static const struct {
		const char *name, *says;
		int status;
		const char *body;
	} rows[] = {
		{ "no length", "HTTP/1.0 200 OK\r\n\r\nabc", 200, "abc" },
		{ "chunked",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
		  "1\r\nc\r\n0\r\n\r\n",
		  200, "abc" },
		{ "continue first",
		  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 X\r\n"
		  "Content-Length: 1\r\n\r\nz",
		  503, "z" },
		{ "cut short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", ND_ECLOSED, "" },
		{ "nothing", "", ND_ECLOSED, "" },
		{ "nonsense", "SSH-2.0-x\r\n", ND_EFORMAT, "" },
		{ "silence", NULL, ND_ETIME, "" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		struct fake f = { .says = rows[i].says };
		struct nd_tcp_listener *l;
		struct nd_addr at;
		open_rig(&r);
		nd_addr_parse("127.0.0.1:0", 0, &at);
		assert_int_equal(nd_tcp_listen(r.loop, &at, &(struct nd_tcp_options){ 0 },
					       fake_accept, &f, &l),
				 0);
		at = nd_tcp_listener_local(l);
		assert_int_equal(nd_http1_get(r.loop, &at, "/", ND_MS(100), done, &r), 0);
		run(&r, 3000);
		if (r.status != rows[i].status || strcmp(nd_buf_string(&r.body), rows[i].body) != 0)
			fail_msg("%s: status %d, body %s", rows[i].name, r.status,
				 nd_buf_string(&r.body));
		nd_tcp_close(f.c);
		nd_tcp_listener_close(l);
		close_rig(&r);
	}
}

/* The callback runs even if the loop is freed. */
static void test_get_without_end(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r);
	assert_int_equal(nd_http1_get(r.loop, &r.at, "/", ND_S(1), done, &r), 0);
	close_rig(&r);
	assert_int_equal(r.status, ND_ECLOSED);
	nd_buf_clear(&r.body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_probe_among_drips),
		cmocka_unit_test(test_greedy),
		cmocka_unit_test(test_one_request_a_turn),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_get_from_others),
		cmocka_unit_test(test_get_without_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
