/* SPDX-License-Identifier: Apache-2.0 */
/* The client with HTTP/1.1, against a server that sends a row's bytes. */
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

#include "base/err.h"
#include "io/clock.h"
#include "io/httpc.h"
#include "io/tcp.h"
#include "support/httpcall.h"

enum { CALLS = 8 };

/* A server with one response. */
struct rig {
	struct nd_loop *loop;
	struct nd_tcp_listener *listener;
	struct nd_addr at;
	struct nd_httpc *client;
	struct nd_timer limit;
	struct nd_httpcall call[CALLS];
	struct nd_tcp *conn[CALLS]; /* the server's side; NULL: closed */
	unsigned accepted, requests;
	struct nd_buf heard; /* everything clients sent */
	/* The server's behaviour. */
	const char *says;
	size_t len, piece, spoken; /* in pieces, one per millisecond; piece 0: at once */
	bool closes, mute_first;   /* then; mute_first: the first connection closes when it is asked
				      again */
	struct nd_tcp *speaking;
	struct nd_timer retry;
};

static void stop(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct rig, limit)->loop);
}

static void run(struct rig *r, unsigned ms)
{
	nd_timer_start(r->loop, &r->limit, ND_MS(ms), stop);
	nd_loop_run(r->loop);
	nd_timer_stop(&r->limit);
}

#define RUN_UNTIL(r, cond)                                    \
	for (int step_ = 0; step_ < 4000 && !(cond); step_++) \
	run(r, 1)

static void forget(struct rig *r, struct nd_tcp *c)
{
	for (size_t i = 0; i < CALLS; i++)
		r->conn[i] = r->conn[i] == c ? NULL : r->conn[i];
	if (r->speaking == c) {
		r->speaking = NULL;
		nd_timer_stop(&r->retry);
	}
}

static void speak(struct nd_timer *t)
{
	struct rig *r = ND_CONTAINER(t, struct rig, retry);
	struct nd_tcp *c = r->speaking;
	size_t left = r->len - r->spoken, n = r->piece && r->piece < left ? r->piece : left;

	nd_tcp_write(c, r->says + r->spoken, n);
	r->spoken += n;
	if (r->spoken < r->len) {
		nd_timer_start(r->loop, &r->retry, ND_MS(1), speak);
	} else if (r->closes) {
		forget(r, c);
		nd_tcp_close(c);
	}
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct rig *r = ctx;

	nd_buf_add(&r->heard, bytes, n);
	if (n < 4 || memcmp(bytes + n - 4, "\r\n\r\n", 4) != 0)
		return; /* short requests arrive whole here */
	r->requests++;
	if (r->mute_first && r->requests == 2) {
		forget(r, c);
		nd_tcp_close(c);
		return;
	}
	if (!r->says)
		return;
	r->speaking = c;
	r->spoken = 0;
	speak(&r->retry);
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	(void)err;
	forget(ctx, c);
}

static void on_accept(void *ctx, struct nd_tcp *c)
{
	struct rig *r = ctx;

	if (r->accepted < CALLS)
		r->conn[r->accepted] = c;
	r->accepted++;
	nd_tcp_set_max_queued(c, 64 << 20);
	nd_tcp_start(c, &(struct nd_tcp_handler){
				.ctx = r, .on_data = on_data, .on_close = on_close });
}

static void open_rig(struct rig *r, const struct nd_httpc_config *config)
{
	struct nd_httpc_config c = config ? *config : (struct nd_httpc_config){ 0 };

	*r = (struct rig){ .loop = nd_loop_new() };
	nd_buf_init(&r->heard, 64 << 20);
	nd_addr_parse("127.0.0.1:0", 0, &r->at);
	assert_int_equal(nd_tcp_listen(r->loop, &r->at, &(struct nd_tcp_options){ 0 }, on_accept, r,
				       &r->listener),
			 0);
	c.addr = r->at = nd_tcp_listener_local(r->listener);
	assert_int_equal(nd_httpc_new(r->loop, &c, &r->client), 0);
}

static void say(struct rig *r, const char *text, size_t piece, bool closes)
{
	r->says = text;
	r->len = strlen(text);
	r->piece = piece;
	r->closes = closes;
}

static void close_rig(struct rig *r)
{
	for (size_t i = 0; i < CALLS; i++)
		nd_httpcall_clear(&r->call[i]);
	nd_httpc_free(r->client);
	nd_timer_stop(&r->retry);
	for (size_t i = 0; i < CALLS; i++)
		nd_tcp_close(r->conn[i]);
	nd_tcp_listener_close(r->listener);
	nd_loop_free(r->loop);
	nd_buf_clear(&r->heard);
}

static const struct {
	const char *name, *says;
	bool closes;
	int err, status;
	const char *body, *type;
} answers[] = {
	{ "length", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello", false,
	  0, 200, "hello", "a/b" },
	{ "chunked",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n"
	  "0\r\nX-After: 1\r\n\r\n",
	  false, 0, 200, "hello", "" },
	{ "until the end", "HTTP/1.1 200 OK\r\n\r\nhello", true, 0, 200, "hello", "" },
	{ "no body", "HTTP/1.1 204 No Content\r\n\r\n", false, 0, 204, "", "" },
	{ "empty", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false, 0, 404, "", "" },
	{ "1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", true, 0, 200, "x", "" },
	{ "hints first",
	  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nContent-Type: no/no\r\nContent-Length: 7\r\n\r\n"
	  "HTTP/1.1 429 Slow\r\nContent-Type: a/b\r\nContent-Length: 1\r\n\r\nz",
	  false, 0, 429, "z", "a/b" },
	{ "short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true, ND_ECLOSED, 200,
	  "hello", "" },
	{ "chunks cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true,
	  ND_ECLOSED, 200, "hello", "" },
	{ "nothing", "", true, ND_ECLOSED, 0, "", "" },
	{ "another protocol", "SSH-2.0-OpenSSH_9.2\r\n", false, ND_EFORMAT, 0, "", "" },
	{ "TLS", "\x15\x03\x01\x00\x02\x02\x46", false, ND_EFORMAT, 0, "", "" },
	{ "bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false,
	  ND_EFORMAT, 200, "", "" },
	{ "two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", false,
	  ND_EFORMAT, 0, "", "" },
	{ "length and chunks",
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false,
	  ND_EFORMAT, 0, "", "" },
	{ "switched", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false,
	  ND_EFORMAT, 0, "", "" },
};

/* Each response, whole and in pieces of each size. */
static void test_answers(void **state)
{
	static const size_t pieces[] = { 0, 1, 7 };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(answers); i++) {
		for (size_t p = 0; p < ND_COUNT(pieces); p++) {
			struct rig r;
			open_rig(&r, NULL);
			struct nd_httpcall *call = &r.call[0];
			say(&r, answers[i].says, pieces[p], answers[i].closes);
			nd_httpcall_get(call, r.client, "/x?y=z");
			RUN_UNTIL(&r, call->ends);
			if (call->err != answers[i].err || call->status != answers[i].status ||
			    strcmp(nd_buf_string(&call->body), answers[i].body) != 0 ||
			    strcmp(call->extra, answers[i].type ? answers[i].type : "") != 0)
				fail_msg("%s, pieces of %zu: err %d (%s), status %d, body '%s', '%s'",
					 answers[i].name, pieces[p], call->err, call->text,
					 call->status, nd_buf_string(&call->body), call->extra);
			if (!strstr(nd_buf_string(&r.heard),
				    "GET /x?y=z HTTP/1.1\r\nHost: 127.0.0.1:"))
				fail_msg("asked: %s", nd_buf_string(&r.heard));
			close_rig(&r);
		}
	}
}

/* Cut at every byte: ends once, and without an error only if the response is complete. */
static void test_cut_anywhere(void **state)
{
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		size_t whole = strlen(answers[i].says);
		for (size_t at = 0; at <= whole; at++) {
			struct rig r;
			open_rig(&r, NULL);
			say(&r, answers[i].says, 0, true);
			r.len = at;
			nd_httpcall_get(&r.call[0], r.client, "/");
			RUN_UNTIL(&r, r.call[0].ends);
			int want = at == whole ? 0 : ND_ECLOSED;
			if (r.call[0].ends != 1 || r.call[0].err != want)
				fail_msg("%s, cut at %zu: err %d, ends %u", answers[i].name, at,
					 r.call[0].err, r.call[0].ends);
			close_rig(&r);
		}
	}
}

/* Sequential exchanges share one connection; parallel ones use one each, up to the maximum. */
static void test_connections(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, &(struct nd_httpc_config){ .connections = 2 });
	say(&r, answers[0].says, 0, false);
	for (size_t i = 0; i < 3; i++) {
		nd_httpcall_get(&r.call[i], r.client, "/");
		RUN_UNTIL(&r, r.call[i].ends);
		assert_int_equal(r.call[i].err, 0);
	}
	assert_int_equal(r.accepted, 1);
	r.says = NULL;
	for (size_t i = 3; i < 7; i++)
		nd_httpcall_get(&r.call[i], r.client, "/");
	RUN_UNTIL(&r, r.requests == 5);
	run(&r, 30);
	assert_int_equal(r.requests, 5); /* two of the four wait */
	assert_int_equal(r.accepted, 2);
	struct nd_httpc_stats s = nd_httpc_stats(r.client);
	assert_int_equal(s.connections, 2);
	assert_int_equal(s.exchanges, 4);
	assert_int_equal(s.sent, 7);
	/* Cancelling closes the connection; a waiting exchange gets a new one. */
	nd_httpcall_clear(&r.call[3]);
	RUN_UNTIL(&r, r.accepted == 3 && r.requests == 6);
	assert_int_equal(r.requests, 6);
	close_rig(&r);
}

/* Not reused: the server closes it, or sent more than the response. */
static void test_not_kept(void **state)
{
	static const char *const rows[] = {
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 204 No\r\n\r\n",
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct rig r;
		open_rig(&r, NULL);
		say(&r, rows[i], 0, false);
		for (size_t k = 0; k < 2; k++) {
			nd_httpcall_get(&r.call[k], r.client, "/");
			RUN_UNTIL(&r, r.call[k].ends);
			assert_int_equal(r.call[k].err, 0);
			assert_string_equal(nd_buf_string(&r.call[k].body), "ab");
		}
		if (r.accepted != 2)
			fail_msg("%s: %u connections", rows[i], r.accepted);
		assert_int_equal(nd_httpc_stats(r.client).retried, 0);
		close_rig(&r);
	}
}

/* An idle connection is closed after a while; one closed by the server is replaced. */
static void test_idle(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, &(struct nd_httpc_config){ .keep_ns = ND_MS(300) });
	say(&r, answers[0].says, 0, false);
	for (size_t i = 0; i < 2; i++) {
		nd_httpcall_get(&r.call[i], r.client, "/");
		RUN_UNTIL(&r, r.call[i].ends);
		assert_int_equal(nd_httpc_stats(r.client).connections, 1);
		RUN_UNTIL(&r, nd_httpc_stats(r.client).connections == 0);
		assert_int_equal(nd_httpc_stats(r.client).connections, 0);
	}
	assert_int_equal(r.accepted, 2);
	close_rig(&r);

	open_rig(&r, NULL);
	say(&r, answers[0].says, 0, false);
	nd_httpcall_get(&r.call[0], r.client, "/");
	RUN_UNTIL(&r, r.call[0].ends);
	nd_tcp_close(r.conn[0]);
	r.conn[0] = NULL;
	RUN_UNTIL(&r, nd_httpc_stats(r.client).connections == 0);
	nd_httpcall_get(&r.call[1], r.client, "/");
	RUN_UNTIL(&r, r.call[1].ends);
	assert_int_equal(r.call[1].err, 0);
	assert_int_equal(nd_httpc_stats(r.client).retried, 0);
	close_rig(&r);
}

static void test_hosts(void **state)
{
	static const struct {
		const char *host;
		int err;
	} rows[] = { { "a.example", 0 },       { "a.example:8443", 0 }, { "[::1]:443", 0 },
		     { "", ND_EFORMAT },       { "a b", ND_EFORMAT },   { "a/b", ND_EFORMAT },
		     { "a\r\nb", ND_EFORMAT }, { "u@a", ND_EFORMAT } };
	struct nd_loop *loop = nd_loop_new();
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_httpc_config c = { .host = rows[i].host };
		struct nd_httpc *client = NULL;
		nd_addr_parse("127.0.0.1:1", 0, &c.addr);
		if (nd_httpc_new(loop, &c, &client) != rows[i].err)
			fail_msg("%s", rows[i].host);
		nd_httpc_free(client);
	}
	nd_loop_free(loop);
}

static void test_requests(void **state)
{
	static const struct nd_httpc_header headers[] = { { "Accept", "a/b" },
							  { "X-Token", "s3" } };
	static const struct {
		const char *name, *method, *target;
		struct nd_httpc_header header;
		size_t body_bytes;
		int err;
	} rows[] = {
		{ "no target", "GET", "", { "A", "b" }, 0, ND_EFORMAT },
		{ "space in target", "GET", "/a b", { "A", "b" }, 0, ND_EFORMAT },
		{ "line in target", "GET", "/a\r\nX: y", { "A", "b" }, 0, ND_EFORMAT },
		{ "line in method", "GET /\r\n", "/", { "A", "b" }, 0, ND_EFORMAT },
		{ "line in value", "GET", "/", { "A", "b\r\nC: d" }, 0, ND_EFORMAT },
		{ "colon in name", "GET", "/", { "A:", "b" }, 0, ND_EFORMAT },
		{ "ours", "GET", "/", { "host", "b" }, 0, ND_EFORMAT },
		{ "long body", "POST", "/", { "A", "b" }, ND_HTTPC_BODY_MAX + 1, ND_ELIMIT },
	};
	struct rig r;
	(void)state;

	open_rig(&r, &(struct nd_httpc_config){ .host = "api.example", .exchanges = 1 });
	char *large = calloc(1, ND_HTTPC_BODY_MAX + 1);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_httpc_exchange *x;
		struct nd_httpc_request request = { .method = rows[i].method,
						    .target = rows[i].target,
						    .headers = &rows[i].header,
						    .nheaders = 1,
						    .body = large,
						    .body_bytes = rows[i].body_bytes };
		int err = nd_httpc_send(r.client, &request, &(struct nd_httpc_handler){ 0 }, &x);
		if (err != rows[i].err)
			fail_msg("%s: %d", rows[i].name, err);
	}
	free(large);
	say(&r, answers[0].says, 0, false);
	nd_httpcall_send(&r.call[0], r.client,
			 &(struct nd_httpc_request){ .method = "POST",
						     .target = "/p",
						     .headers = headers,
						     .nheaders = 2,
						     .body = "a=b\r\n\r\n",
						     .body_bytes = 7 });
	struct nd_httpc_exchange *x;
	assert_int_equal(nd_httpc_send(r.client, &(struct nd_httpc_request){ .target = "/" },
				       &(struct nd_httpc_handler){ 0 }, &x),
			 ND_ELIMIT);
	RUN_UNTIL(&r, r.call[0].ends);
	assert_int_equal(r.call[0].err, 0);
	assert_string_equal(nd_buf_string(&r.heard),
			    "POST /p HTTP/1.1\r\nHost: api.example\r\nAccept: a/b\r\nX-Token: s3\r\n"
			    "Content-Length: 7\r\n\r\na=b\r\n\r\n");
	close_rig(&r);
}

/* HEAD has a length and no body; the connection is reused. */
static void test_head(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, NULL);
	say(&r, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 0, false);
	for (size_t i = 0; i < 2; i++) {
		nd_httpcall_send(&r.call[i], r.client,
				 &(struct nd_httpc_request){ .method = "HEAD", .target = "/" });
		RUN_UNTIL(&r, r.call[i].ends);
		assert_int_equal(r.call[i].err, 0);
		assert_int_equal(r.call[i].body.len, 0);
	}
	assert_int_equal(r.accepted, 1);
	close_rig(&r);
}

/* A kept connection that the server has closed: a GET is sent once more, a POST is not. */
static void test_again(void **state)
{
	static const struct {
		const char *method;
		int err;
	} rows[] = { { "GET", 0 }, { "POST", ND_ECLOSED } };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct rig r;
		open_rig(&r, NULL);
		r.mute_first = true;
		say(&r, answers[0].says, 0, false);
		for (size_t k = 0; k < 2; k++) {
			nd_httpcall_send(&r.call[k], r.client,
					 &(struct nd_httpc_request){ .method = rows[i].method,
								     .target = "/" });
			RUN_UNTIL(&r, r.call[k].ends);
		}
		assert_int_equal(r.call[0].err, 0);
		if (r.call[1].err != rows[i].err)
			fail_msg("%s: %d", rows[i].method, r.call[1].err);
		assert_int_equal(nd_httpc_stats(r.client).retried, i == 0);
		close_rig(&r);
	}
}

static void test_limits(void **state)
{
	static const struct {
		const char *name, *says;
		size_t head_bytes;
		uint64_t head_ns, idle_ns;
		int err, status;
		const char *text;
	} rows[] = {
		{ "no head", NULL, 0, ND_MS(30), 0, ND_ETIME, 0, "waiting for the response" },
		{ "half a head", "HTTP/1.1 200", 0, ND_MS(30), 0, ND_ETIME, 0,
		  "waiting for the response" },
		{ "silence", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 0, ND_MS(900),
		  ND_MS(30), ND_ETIME, 200, "within the response" },
		{ "long head", "HTTP/1.1 200 OK\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  20, 0, 0, ND_ELIMIT, 0, "response header too large" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct rig r;
		struct nd_httpc_request request = { .target = "/",
						    .head_ns = rows[i].head_ns,
						    .idle_ns = rows[i].idle_ns };
		open_rig(&r, &(struct nd_httpc_config){ .head_bytes = rows[i].head_bytes });
		if (rows[i].says)
			say(&r, rows[i].says, 0, false);
		nd_httpcall_send(&r.call[0], r.client, &request);
		RUN_UNTIL(&r, r.call[0].ends);
		if (r.call[0].err != rows[i].err || r.call[0].status != rows[i].status ||
		    !strstr(r.call[0].text, rows[i].text))
			fail_msg("%s: %d, %d, %s", rows[i].name, r.call[0].err, r.call[0].status,
				 r.call[0].text);
		close_rig(&r);
	}
}

/* Responses that never end, without a body or nearly so: `fill` again and again. */
static void test_endless(void **state)
{
	static const struct {
		const char *name, *head, *fill;
		size_t n;
		int err;
		const char *text;
	} rows[] = {
		{ "1xx", "", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", 40, ND_ELIMIT,
		  "too many 1xx responses" },
		{ "chunk extensions", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "1;0123456789012345678901234567890123456789012345678901234567890\r\nx\r\n", 20000,
		  ND_ELIMIT, "too many bytes around the body" },
		{ "leading zeros", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "00000000000000000000000000000000000000000000000000000000000001\r\nx\r\n", 20000,
		  ND_ELIMIT, "too many bytes around the body" },
		{ "one chunk's extension",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "xxxxxxxxxxxxxxxx",
		  20000, ND_EFORMAT, "too many header bytes" },
		{ "trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
		  "X-After: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 20000, ND_ELIMIT,
		  "response header too large" },
		{ "headers", "HTTP/1.1 200 OK\r\n", "X-Before: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
		  20000, ND_ELIMIT, "response header too large" },
		/* What a slow server may do. */
		{ "small chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "1\r\nx\r\n", 100000, 0, "" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct rig r;
		struct nd_buf b;
		nd_buf_init(&b, 16 << 20);
		nd_buf_text(&b, rows[i].head);
		for (size_t n = 0; n < rows[i].n; n++)
			nd_buf_text(&b, rows[i].fill);
		if (!rows[i].err)
			nd_buf_text(&b, "0\r\n\r\n");
		open_rig(&r, NULL);
		say(&r, nd_buf_string(&b), 10000, false);
		nd_httpcall_get(&r.call[0], r.client, "/");
		RUN_UNTIL(&r, r.call[0].ends);
		if (r.call[0].ends != 1 || r.call[0].err != rows[i].err ||
		    !strstr(r.call[0].text, rows[i].text))
			fail_msg("%s: ends %u, err %d, %s", rows[i].name, r.call[0].ends,
				 r.call[0].err, r.call[0].text);
		close_rig(&r);
		nd_buf_clear(&b);
	}
}

/* A body that arrives byte by byte resets idle_ns, but not total_ns. */
static void test_total(void **state)
{
	struct rig r;
	char text[3000];
	(void)state;

	open_rig(&r, NULL);
	snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n%02000d", 0);
	say(&r, text, 1, false);
	nd_httpcall_send(&r.call[0], r.client,
			 &(struct nd_httpc_request){ .target = "/",
						     .head_ns = ND_S(9),
						     .idle_ns = ND_S(9),
						     .total_ns = ND_MS(150) });
	RUN_UNTIL(&r, r.call[0].ends);
	assert_int_equal(r.call[0].err, ND_ETIME);
	assert_true(r.call[0].body.len < 1900);
	close_rig(&r);
}

/* Connection refused: all waiting exchanges end. */
static void test_refused(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, NULL);
	nd_tcp_listener_close(r.listener);
	r.listener = NULL;
	run(&r, 1);
	for (size_t i = 0; i < 3; i++)
		nd_httpcall_get(&r.call[i], r.client, "/");
	assert_int_equal(r.call[0].ends, 0); /* no callback runs inside */
	RUN_UNTIL(&r, r.call[2].ends);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(r.call[i].err, -ECONNREFUSED);
		assert_non_null(strstr(r.call[i].text, ": connect: Connection refused"));
		assert_memory_equal(r.call[i].text, "127.0.0.1:", 10);
	}
	assert_int_equal(nd_httpc_stats(r.client).failed_connects, 1);
	close_rig(&r);
}

/* A body of 2 MB whose reader keeps pausing: complete, in order, and flow control stops the server
 * meanwhile. */
static void test_pause(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n";
	struct rig r;
	(void)state;

	open_rig(&r, NULL);
	char *text = malloc(2000100);
	size_t n = strlen(head);
	memcpy(text, head, n);
	for (size_t i = 0; i < 2000000; i++)
		text[n + i] = (char)('a' + i % 23);
	text[n + 2000000] = '\0';
	say(&r, text, 0, false);
	struct nd_httpcall *call = &r.call[0];
	call->pause_in_head = true;
	call->pause_each = 100000;
	nd_httpcall_get(call, r.client, "/");
	RUN_UNTIL(&r, call->heads);
	run(&r, 50);
	assert_int_equal(call->body.len, 0);
	for (int i = 0; i < 100 && !call->ends; i++) {
		size_t had = call->body.len;
		nd_httpc_pause(call->x, false);
		RUN_UNTIL(&r, call->ends || call->paused_at > had);
		assert_true(call->body.len - had <= 100000 + 65536);
	}
	assert_int_equal(call->err, 0);
	assert_int_equal(call->body.len, 2000000);
	assert_memory_equal(call->body.data, text + n, 2000000);
	/* Paused at the end: on_end waits. */
	struct nd_httpcall *next = &r.call[1];
	say(&r, answers[0].says, 0, false);
	next->pause_each = 5;
	nd_httpcall_get(next, r.client, "/");
	RUN_UNTIL(&r, next->body.len == 5);
	run(&r, 20);
	assert_int_equal(next->ends, 0);
	nd_httpc_pause(next->x, false);
	RUN_UNTIL(&r, next->ends);
	assert_int_equal(next->err, 0);
	assert_int_equal(r.accepted, 1);
	close_rig(&r);
	free(text);
}

/* A callback may call every function. */
static void test_from_callbacks(void **state)
{
	(void)state;

	for (size_t i = 0; i < 4; i++) {
		struct rig r;
		open_rig(&r, NULL);
		say(&r, answers[i % 2].says, 0, false);
		r.call[0].cancel_in_head = i == 0;
		r.call[0].cancel_in_data = i == 1;
		r.call[0].free_in_data = i == 2;
		r.call[0].free_in_end = i == 3;
		nd_httpcall_get(&r.call[0], r.client, "/");
		nd_httpcall_get(&r.call[1], r.client, "/");
		if (i >= 2)
			r.client = NULL;
		RUN_UNTIL(&r, !r.call[0].x && (i >= 2 || r.call[1].ends));
		assert_null(r.call[0].x);
		assert_int_equal(r.call[0].ends, i == 3);
		if (i < 2)
			assert_int_equal(r.call[1].err, 0);
		else
			r.call[1].x = NULL; /* freed with the client, without a callback */
		close_rig(&r);
	}
}

/* on_end sends the next request, on the same connection. */
static void send_next(struct nd_httpcall *call)
{
	struct nd_httpcall *next = call->ctx;

	nd_httpcall_get(next, call->client, "/next");
}

static void test_chain(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, NULL);
	say(&r, answers[1].says, 3, false);
	r.call[0].at_end = r.call[1].at_end = send_next;
	r.call[0].ctx = &r.call[1];
	r.call[1].ctx = &r.call[2];
	nd_httpcall_get(&r.call[0], r.client, "/");
	RUN_UNTIL(&r, r.call[2].ends);
	assert_int_equal(r.call[2].err, 0);
	assert_int_equal(r.accepted, 1);
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),        cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_connections),    cmocka_unit_test(test_not_kept),
		cmocka_unit_test(test_idle),           cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_requests),       cmocka_unit_test(test_head),
		cmocka_unit_test(test_again),          cmocka_unit_test(test_limits),
		cmocka_unit_test(test_endless),        cmocka_unit_test(test_total),
		cmocka_unit_test(test_refused),        cmocka_unit_test(test_pause),
		cmocka_unit_test(test_from_callbacks), cmocka_unit_test(test_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
