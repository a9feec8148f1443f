/* SPDX-License-Identifier: Apache-2.0 */
/* The client with HTTP/2, over plain TCP and over TLS, against a server made with nghttp2. */
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
#include "support/h2peer.h"
#include "support/httpcall.h"
#include "support/tlspeer.h"

enum { CALLS = 128, CONNS = 8, DAY = 86400 };

static struct nd_tlspeer_cert ca, server;

struct rig;

/* The server's side of one connection, over TCP or TLS. */
struct way {
	struct rig *r;
	struct nd_tcp *tcp;
	struct nd_tlspeer_conn *tls;
	struct nd_h2peer *peer;
};

struct rig {
	struct nd_loop *loop;
	struct nd_tcp_listener *listener;
	struct nd_tlspeer *tlspeer;
	struct nd_tls *tls;
	struct nd_httpc *client;
	struct nd_timer limit;
	struct nd_httpcall call[CALLS];
	struct nd_h2peer_tally tally;
	struct way way[CONNS];
	unsigned accepted;
	bool deaf;    /* the server no longer reads */
	size_t count; /* bytes sent by the server; where it cuts (0: nowhere) or corrupts */
	size_t cut_at, err_at;
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

/* --- the server --- */

static void way_close(void *ctx)
{
	struct way *w = ctx;

	if (w->tcp)
		nd_tcp_close(w->tcp);
	if (w->tls)
		nd_tlspeer_close(w->tls, true);
	w->tcp = NULL;
	w->tls = NULL;
}

static void way_write(void *ctx, const void *bytes, size_t n)
{
	struct way *w = ctx;
	struct rig *r = w->r;
	uint8_t spoiled[65536];

	if (r->cut_at && r->count + n > r->cut_at)
		n = r->count < r->cut_at ? r->cut_at - r->count : 0;
	if (r->err_at > r->count && r->err_at <= r->count + n && n <= sizeof spoiled) {
		memcpy(spoiled, bytes, n);
		spoiled[r->err_at - r->count - 1] ^= 0xff;
		bytes = spoiled;
	}
	r->count += n;
	if (w->tcp)
		nd_tcp_write(w->tcp, bytes, n);
	if (w->tls)
		nd_tlspeer_write(w->tls, bytes, n);
	if (r->cut_at && r->count >= r->cut_at)
		way_close(w);
}

static struct way *new_way(struct rig *r)
{
	struct way *w = &r->way[r->accepted++];

	assert_true(r->accepted <= CONNS);
	w->r = r;
	return w;
}

static void begin(struct way *w)
{
	w->peer = nd_h2peer_new(&(struct nd_h2peer_transport){ .ctx = w,
							       .write = way_write,
							       .close = way_close },
				&w->r->tally);
}

static void hear(struct way *w, const uint8_t *bytes, size_t n)
{
	if (!w->r->deaf && w->peer && !nd_h2peer_feed(w->peer, bytes, n)) {
		nd_h2peer_free(w->peer);
		w->peer = NULL;
	}
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	(void)c;
	hear(ctx, bytes, n);
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	struct way *w = ctx;
	(void)c;
	(void)err;

	w->tcp = NULL;
}

static void on_accept(void *ctx, struct nd_tcp *c)
{
	struct way *w = new_way(ctx);

	w->tcp = c;
	nd_tcp_set_max_queued(c, 64 << 20);
	nd_tcp_start(c, &(struct nd_tcp_handler){
				.ctx = w, .on_data = on_data, .on_close = on_close });
	begin(w);
}

static void *on_tls_open(void *ctx, struct nd_tlspeer_conn *c)
{
	struct way *w = new_way(ctx);

	w->tls = c;
	begin(w);
	return w;
}

static void on_tls_data(void *self, struct nd_tlspeer_conn *c, const uint8_t *bytes, size_t n)
{
	(void)c;
	hear(self, bytes, n);
}

static void on_tls_gone(void *self)
{
	((struct way *)self)->tls = NULL;
}

static void open_rig(struct rig *r, bool tls, const struct nd_httpc_config *config)
{
	struct nd_httpc_config c = config ? *config : (struct nd_httpc_config){ 0 };

	*r = (struct rig){ .loop = nd_loop_new() };
	nd_addr_parse("127.0.0.1:0", 0, &c.addr);
	if (tls) {
		r->tlspeer = nd_tlspeer_new(r->loop,
					    &(struct nd_tlspeer_options){ .own = &server,
									  .alpn = "h2",
									  .ctx = r,
									  .on_open = on_tls_open,
									  .on_data = on_tls_data,
									  .on_gone = on_tls_gone });
		struct nd_tls_options o = { .ca = { .bytes = ca.cert, .len = strlen(ca.cert) } };
		assert_int_equal(nd_tls_new(&o, &r->tls), 0);
		c.tls = r->tls;
		c.addr = nd_tlspeer_addr(r->tlspeer);
	} else {
		assert_int_equal(nd_tcp_listen(r->loop, &c.addr, &(struct nd_tcp_options){ 0 },
					       on_accept, r, &r->listener),
				 0);
		c.addr = nd_tcp_listener_local(r->listener);
		c.versions = ND_HTTPC_H2;
	}
	assert_int_equal(nd_httpc_new(r->loop, &c, &r->client), 0);
	nd_tls_unref(r->tls); /* the client has its own reference */
}

static void close_rig(struct rig *r)
{
	for (size_t i = 0; i < CALLS; i++)
		nd_httpcall_clear(&r->call[i]);
	nd_httpc_free(r->client);
	for (size_t i = 0; i < CONNS; i++) {
		way_close(&r->way[i]);
		if (r->way[i].peer)
			nd_h2peer_free(r->way[i].peer);
	}
	if (r->tlspeer)
		nd_tlspeer_free(r->tlspeer);
	nd_tcp_listener_close(r->listener);
	nd_loop_free(r->loop);
}

static bool is_right(const struct nd_buf *b, size_t n)
{
	for (size_t i = 0; i < b->len; i++)
		if ((uint8_t)b->data[i] != nd_h2peer_byte(i))
			return false;
	return b->len == n;
}

/* --- tests --- */

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		int err, status;
		size_t body;
		const char *text;
	} rows[] = {
		{ "/bytes/0", 0, 200, 0, "" },
		{ "/bytes/5", 0, 200, 5, "" },
		{ "/bytes/3000000", 0, 200, 3000000, "" },
		{ "/early", 0, 200, 0, "" },
		{ "/reset", ND_ECLOSED, 200, 3, "stream reset by the server: INTERNAL_ERROR" },
		{ "/cut", ND_ECLOSED, 200, 3, "clos" },
		{ "/refuse", 0, 200, 0, "" },
		{ "/turned-away", 0, 200, 0, "" },
		{ "/goaway/100000", 0, 200, 100000, "" },
		{ "/head/3000", 0, 200, 0, "" },
		{ "/head/40000", ND_ELIMIT, 0, 0, "response header too large" },
	};
	(void)state;

	for (size_t i = 0; i < 2 * ND_COUNT(rows); i++) {
		size_t k = i / 2;
		struct rig r;
		open_rig(&r, i % 2, &(struct nd_httpc_config){ .head_bytes = 20000 });
		struct nd_httpcall *call = &r.call[0];
		nd_httpcall_get(call, r.client, rows[k].path);
		RUN_UNTIL(&r, call->ends);
		if (call->err != rows[k].err || call->status != rows[k].status ||
		    !is_right(&call->body, rows[k].body) ||
		    (rows[k].err && !strstr(call->text, rows[k].text)) ||
		    (call->heads && call->version != 2))
			fail_msg("%s%s: err %d (%s), status %d, %zu bytes", rows[k].path,
				 i % 2 ? " over TLS" : "", call->err, call->text, call->status,
				 call->body.len);
		/* The next request works, whatever happened to this one. */
		nd_httpcall_get(&r.call[1], r.client, "/bytes/9");
		RUN_UNTIL(&r, r.call[1].ends);
		if (r.call[1].err)
			fail_msg("after %s: %d, %s", rows[k].path, r.call[1].err, r.call[1].text);
		close_rig(&r);
	}
}

static unsigned heads(const struct rig *r)
{
	unsigned n = 0;

	for (size_t i = 0; i < CALLS; i++)
		n += r->call[i].heads;
	return n;
}

/* A hundred exchanges at a time on one connection, or as many as the server allows. */
static void test_many(void **state)
{
	(void)state;

	for (int limited = 0; limited < 2; limited++) {
		struct rig r;
		open_rig(&r, true, &(struct nd_httpc_config){ .window_bytes = 10000 });
		r.tally.max_streams = limited ? 7 : 0;
		/* Waits for the server's SETTINGS. */
		nd_httpcall_get(&r.call[100], r.client, "/bytes/0");
		RUN_UNTIL(&r, r.call[100].ends);
		for (size_t i = 0; i < 100; i++) {
			char path[32];
			snprintf(path, sizeof path, "/bytes/%zu", 20000 + i);
			r.call[i].pause_in_head = !limited;
			nd_httpcall_get(&r.call[i], r.client, path);
		}
		RUN_UNTIL(&r, limited || heads(&r) == 101);
		if (!limited)
			assert_int_equal(r.tally.now, 100);
		for (size_t i = 0; i < 100 && !limited; i++)
			nd_httpc_pause(r.call[i].x, false);
		RUN_UNTIL(&r, nd_httpc_stats(r.client).exchanges == 0);
		for (size_t i = 0; i < 100; i++)
			if (r.call[i].err || !is_right(&r.call[i].body, 20000 + i))
				fail_msg("%zu: %d, %zu bytes", i, r.call[i].err,
					 r.call[i].body.len);
		assert_int_equal(r.accepted, 1);
		assert_int_equal(r.tally.most, limited ? 7 : 100);
		close_rig(&r);
	}
}

/* A paused exchange: the server waits after one window, nothing is lost, others continue. */
static void test_pause(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, true, &(struct nd_httpc_config){ .window_bytes = 100000 });
	struct nd_httpcall *call = &r.call[0];
	call->pause_in_head = true;
	call->pause_each = 150000;
	nd_httpcall_get(call, r.client, "/bytes/1000000");
	RUN_UNTIL(&r, call->heads && r.tally.sent >= 100000);
	run(&r, 30);
	assert_int_equal(r.tally.sent, 100000);
	assert_int_equal(call->body.len, 0);
	nd_httpcall_get(&r.call[1], r.client, "/bytes/2000000");
	RUN_UNTIL(&r, r.call[1].ends);
	assert_true(is_right(&r.call[1].body, 2000000));
	for (int i = 0; i < 50 && !call->ends; i++) {
		size_t had = call->body.len;
		nd_httpc_pause(call->x, false);
		assert_int_equal(call->body.len, had); /* no callback runs inside */
		RUN_UNTIL(&r, call->ends || call->paused_at > had);
		assert_true(call->body.len - had <= 150000 + 200000);
	}
	assert_int_equal(call->err, 0);
	assert_true(is_right(&call->body, 1000000));
	/* Small responses are held whole, with their end, */
	r.call[2].pause_in_head = true;
	nd_httpcall_get(&r.call[2], r.client, "/bytes/10");
	RUN_UNTIL(&r, r.call[2].heads);
	run(&r, 20);
	assert_int_equal(r.call[2].ends + r.call[2].datas, 0);
	/* and outlive their connection. */
	way_close(&r.way[0]);
	RUN_UNTIL(&r, nd_httpc_stats(r.client).connections == 0);
	assert_int_equal(r.call[2].ends, 0);
	nd_httpc_pause(r.call[2].x, false);
	RUN_UNTIL(&r, r.call[2].ends);
	assert_true(is_right(&r.call[2].body, 10));
	assert_int_equal(r.call[2].err, 0);
	close_rig(&r);
}

static void test_cancel(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, true, NULL);
	nd_httpcall_get(&r.call[0], r.client, "/hang");
	nd_httpcall_get(&r.call[1], r.client, "/hang");
	r.call[2].cancel_in_head = r.call[3].cancel_in_data = true;
	nd_httpcall_get(&r.call[2], r.client, "/bytes/500000");
	nd_httpcall_get(&r.call[3], r.client, "/bytes/500000");
	nd_httpcall_get(&r.call[4], r.client, "/bytes/500000");
	RUN_UNTIL(&r, r.call[0].datas && r.call[4].ends && !r.call[3].x);
	nd_httpcall_clear(&r.call[0]);
	RUN_UNTIL(&r, r.tally.resets == 3);
	assert_int_equal(r.tally.resets, 3);
	assert_int_equal(r.tally.now, 1);
	assert_int_equal(r.call[1].ends, 0);
	assert_true(is_right(&r.call[4].body, 500000));
	assert_int_equal(r.accepted, 1);
	/* A request that was not sent yet. */
	nd_httpcall_get(&r.call[5], r.client, "/bytes/1");
	nd_httpcall_clear(&r.call[5]);
	run(&r, 10);
	assert_int_equal(r.tally.requests, 5);
	close_rig(&r);
}

static void test_free_inside(void **state)
{
	(void)state;

	for (int i = 0; i < 2; i++) {
		struct rig r;
		open_rig(&r, true, NULL);
		r.call[0].free_in_data = i == 0;
		r.call[0].free_in_end = i == 1;
		for (size_t k = 0; k < 3; k++)
			nd_httpcall_get(&r.call[k], r.client, k ? "/hang" : "/bytes/500");
		r.client = NULL;
		RUN_UNTIL(&r, !r.call[0].x);
		assert_null(r.call[0].x);
		r.call[1].x = r.call[2].x = NULL; /* freed with the client, without a callback */
		assert_int_equal(r.call[1].ends + r.call[2].ends, 0);
		close_rig(&r);
	}
}

static void test_body(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, true, NULL);
	char *large = malloc(ND_HTTPC_BODY_MAX);
	for (size_t i = 0; i < ND_HTTPC_BODY_MAX; i++)
		large[i] = (char)nd_h2peer_byte(i);
	nd_httpcall_send(&r.call[0], r.client,
			 &(struct nd_httpc_request){ .method = "POST",
						     .target = "/echo",
						     .body = large,
						     .body_bytes = ND_HTTPC_BODY_MAX });
	free(large);
	RUN_UNTIL(&r, r.call[0].ends);
	assert_int_equal(r.call[0].err, 0);
	assert_true(is_right(&r.call[0].body, ND_HTTPC_BODY_MAX));
	close_rig(&r);
}

/* A server that stops reading is detected by a ping, after any silence. A live server answers every
 * ping. */
static void test_ping(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, true,
		 &(struct nd_httpc_config){ .ping_ns = ND_MS(20), .pong_ns = ND_MS(200) });
	nd_httpcall_get(&r.call[0], r.client, "/hang");
	RUN_UNTIL(&r, r.call[0].datas);
	size_t sent = r.count;
	run(&r, 250);
	assert_int_equal(r.call[0].ends, 0);
	assert_true(r.count >= sent + 3 * 17); /* the answers to pings */
	r.deaf = true;
	RUN_UNTIL(&r, r.call[0].ends);
	assert_int_equal(r.call[0].err, ND_ETIME);
	assert_non_null(strstr(r.call[0].text, "no answer to a ping"));
	r.deaf = false;
	nd_httpcall_get(&r.call[1], r.client, "/bytes/1");
	RUN_UNTIL(&r, r.call[1].ends);
	assert_int_equal(r.call[1].err, 0);
	assert_int_equal(r.accepted, 2);
	assert_int_equal(nd_httpc_stats(r.client).resumed, 1);
	close_rig(&r);
}

/* GOAWAY in the middle: the current exchange completes, the next uses another connection. */
static void test_goaway(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, true, &(struct nd_httpc_config){ .window_bytes = 65536 });
	r.call[0].pause_in_head = true;
	nd_httpcall_get(&r.call[0], r.client, "/bytes/300000");
	RUN_UNTIL(&r, r.call[0].heads);
	nd_httpcall_get(&r.call[1], r.client, "/goaway/300000");
	RUN_UNTIL(&r, r.call[1].heads);
	nd_httpcall_get(&r.call[2], r.client, "/bytes/300000");
	nd_httpc_pause(r.call[0].x, false);
	RUN_UNTIL(&r, r.call[0].ends && r.call[1].ends && r.call[2].ends);
	for (size_t i = 0; i < 3; i++)
		if (r.call[i].err || !is_right(&r.call[i].body, 300000))
			fail_msg("%zu: %d, %s", i, r.call[i].err, r.call[i].text);
	assert_int_equal(r.accepted, 2);
	RUN_UNTIL(&r, nd_httpc_stats(r.client).connections == 1);
	assert_int_equal(nd_httpc_stats(r.client).connections, 1);
	close_rig(&r);
}

/* Cut after every byte, and each byte corrupted: the exchange ends once, and without an error only
 * if it is complete. */
static void test_spoiled(void **state)
{
	struct rig r;
	size_t whole;
	(void)state;

	open_rig(&r, false, NULL);
	nd_httpcall_get(&r.call[0], r.client, "/bytes/40");
	RUN_UNTIL(&r, r.call[0].ends);
	whole = r.count;
	close_rig(&r);
	assert_in_range(whole, 80, 400);
	for (size_t at = 1; at <= 2 * whole; at++) {
		bool cut = at <= whole;
		open_rig(&r, false, NULL);
		*(cut ? &r.cut_at : &r.err_at) = cut ? at : at - whole;
		nd_httpcall_send(&r.call[0], r.client,
				 &(struct nd_httpc_request){ .target = "/bytes/40",
							     .head_ns = ND_MS(60),
							     .idle_ns = ND_MS(60) });
		RUN_UNTIL(&r, r.call[0].ends);
		if (r.call[0].ends != 1 ||
		    (cut && r.call[0].err == 0 && !is_right(&r.call[0].body, 40)))
			fail_msg("%s %zu: ends %u, err %d, %s", cut ? "cut" : "spoiled", at,
				 r.call[0].ends, r.call[0].err, r.call[0].text);
		close_rig(&r);
	}
}

#define FRAME(length, type, flags, stream) "\0\0" length type flags "\0\0\0" stream
#define PING FRAME("\x08", "\x06", "\0", "\0") "01234567"
#define SILENT "/silent"
#define HANG "/hang"

/* Floods of frames that bring no response forward; the stream's id is 1. */
static const struct flood {
	const char *name, *path, *frame;
	size_t nframe, n; /* so many of them */
	const char *text; /* of ND_ELIMIT; "": the exchange is unharmed */
} floods[] = {
#define ROW(name, path, frame, n, text)                      \
	{                                                    \
		name, path, frame, sizeof frame - 1, n, text \
	}
	ROW("few 103", SILENT,
	    FRAME("\x05", "\x01", "\x04", "\1") "\x08\x03"
						"103",
	    16, ""),
	ROW("103", SILENT,
	    FRAME("\x05", "\x01", "\x04", "\1") "\x08\x03"
						"103",
	    17, "too many 1xx responses"),
	ROW("few empty DATA", HANG, FRAME("\0", "\0", "\0", "\1"), 90, ""),
	ROW("empty DATA", HANG, FRAME("\0", "\0", "\0", "\1"), 101, "too many empty DATA frames"),
	ROW("padding", HANG, FRAME("\4", "\0", "\x08", "\1") "\3\0\0\0", 101,
	    "too many empty DATA frames"),
	ROW("small DATA", HANG, FRAME("\1", "\0", "\0", "\1") "x", 5000, ""),
	ROW("few PING", HANG, PING, 900, ""),
	ROW("PING", HANG, PING, 2500, "HTTP/2: "),
	ROW("PING ack", HANG, FRAME("\x08", "\x06", "\1", "\0") "01234567", 2500,
	    "too many frames without data"),
	ROW("SETTINGS", HANG, FRAME("\0", "\4", "\0", "\0"), 2500, "HTTP/2: "),
	ROW("PRIORITY", HANG, FRAME("\5", "\2", "\0", "\1") "\0\0\0\3\0", 2500,
	    "too many frames without data"),
	ROW("WINDOW_UPDATE", HANG, FRAME("\4", "\x08", "\0", "\1") "\0\0\0\1", 2500,
	    "too many frames without data"),
	ROW("unknown frames", HANG, FRAME("\1", "\x99", "\0", "\1") "x", 150000,
	    "too many bytes without data"),
	ROW("GOAWAY", HANG, FRAME("\x08", "\7", "\0", "\0") "\0\0\0\1\0\0\0\0", 2500,
	    "too many frames without data"),
#undef ROW
};

static void test_floods(void **state)
{
	(void)state;

	for (size_t i = 0; i < ND_COUNT(floods); i++) {
		const struct flood *f = &floods[i];
		struct rig r;
		open_rig(&r, false, NULL);
		nd_httpcall_get(&r.call[0], r.client, f->path);
		RUN_UNTIL(&r, r.tally.requests && (f->path[1] == 's' || r.call[0].body.len == 3));
		for (size_t n = 0; n < f->n; n++)
			nd_tcp_write(r.way[0].tcp, f->frame, f->nframe);
		if (f->text[0])
			RUN_UNTIL(&r, r.call[0].ends);
		else
			run(&r, 50);
		if (r.call[0].ends != (f->text[0] ? 1 : 0) ||
		    (r.call[0].ends && r.call[0].err != ND_ELIMIT) ||
		    !strstr(r.call[0].text, f->text))
			fail_msg("%s: ends %u, err %d, %s", f->name, r.call[0].ends, r.call[0].err,
				 r.call[0].text);
		close_rig(&r);
	}
}

/* A header block without an end, in one frame that HPACK inflates and in CONTINUATION frames. */
static void test_endless_head(void **state)
{
	(void)state;

	for (int bomb = 0; bomb < 2; bomb++) {
		struct rig r;
		struct nd_buf b;
		open_rig(&r, false, NULL);
		nd_httpcall_get(&r.call[0], r.client, "/silent");
		RUN_UNTIL(&r, r.tally.requests);
		nd_buf_init(&b, 1 << 20);
		if (bomb) {
			/* A header of 4,000 bytes in the table, then references to it. */
			nd_buf_add(&b, "\0\x1f\x40\1\4\0\0\0\1", 9);
			nd_buf_add(&b,
				   "\x08\x03"
				   "200\x40\1x\x7f\xa1\x1e",
				   11);
			while (b.len < 9 + 11 + 4000)
				nd_buf_add(&b, "v", 1);
			while (b.len < 9 + 8000)
				nd_buf_add(&b, "\xbe", 1);
		} else {
			nd_buf_add(&b,
				   "\0\0\5\1\0\0\0\0\1"
				   "\x08\x03"
				   "200",
				   14);
			for (int i = 0; i < 3000; i++)
				nd_buf_add(&b, "\0\0\0\x09\0\0\0\0\1", 9);
		}
		nd_tcp_write(r.way[0].tcp, b.data, b.len);
		RUN_UNTIL(&r, r.call[0].ends);
		if (r.call[0].ends != 1 ||
		    !strstr(r.call[0].text, bomb ? "response header too large" : "HTTP/2: "))
			fail_msg("%d: ends %u, err %d, %s", bomb, r.call[0].ends, r.call[0].err,
				 r.call[0].text);
		nd_buf_clear(&b);
		close_rig(&r);
	}
}

static int make_certs(void **state)
{
	(void)state;
	ca = nd_tlspeer_cert("our authority", NULL, NULL, -DAY, DAY);
	server = nd_tlspeer_cert("server", &ca, "IP:127.0.0.1", -DAY, DAY);
	return 0;
}

static int clear_certs(void **state)
{
	(void)state;
	nd_tlspeer_cert_clear(&ca);
	nd_tlspeer_cert_clear(&server);
	return 0;
}

enum {
	READ_BYTES = 65536,       /* src/io/tcp.c */
	TLS_RECORD_BYTES = 16384, /* of data, at most (RFC 8446 s5.1) */
};

/* Body bytes received in one turn of the loop. */
struct turns {
	const struct nd_httpcall *call;
	size_t seen, most;
};

static void on_turn(void *ctx)
{
	struct turns *t = ctx;
	size_t n = t->call->body.len - t->seen;

	t->seen = t->call->body.len;
	t->most = n > t->most ? n : t->most;
}

/* A fast server is read one piece per turn, and data buffered in OpenSSL and nghttp2 does not wait
 * for more input. */
static void test_turns(void **state)
{
	(void)state;

	for (int tls = 0; tls < 2; tls++) {
		struct rig r;
		struct turns t = { .call = &r.call[0] };
		open_rig(&r, tls, &(struct nd_httpc_config){ .window_bytes = 4 << 20 });
		nd_httpcall_get(&r.call[0], r.client, "/bytes/3000000");
		nd_loop_on_turn(r.loop, on_turn, &t);
		RUN_UNTIL(&r, r.call[0].ends);
		assert_int_equal(r.call[0].err, 0);
		assert_true(is_right(&r.call[0].body, 3000000));
		/* One read; with TLS, a record may have begun in the read before. */
		assert_in_range(t.most, 10000, READ_BYTES + (tls ? TLS_RECORD_BYTES : 0));
		nd_loop_on_turn(r.loop, NULL, NULL);
		close_rig(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),   cmocka_unit_test(test_many),
		cmocka_unit_test(test_pause),   cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_body),    cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_ping),    cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_spoiled), cmocka_unit_test(test_turns),
		cmocka_unit_test(test_floods),  cmocka_unit_test(test_endless_head),
	};
	return cmocka_run_group_tests(tests, make_certs, clear_certs);
}
