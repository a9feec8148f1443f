/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client in the simulated world: packet loss, delays and reordering, a server that becomes
 * unreachable or closes connections. Without TLS: its keys come from OpenSSL's own randomness,
 * which no seed repeats. */
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
#include "sim/world.h"
#include "support/h2peer.h"
#include "support/httpcall.h"

enum { CALLS = 10, CONNS = 32 };

static const struct nd_world_link bad_link = { ND_MS(1), ND_MS(30), 100000, 100000, 100000 };

struct rig;

struct way {
	struct rig *r;
	struct nd_tcp *tcp;
	struct nd_h2peer *peer;
};

struct rig {
	struct nd_loop *here, *there;
	struct nd_addr at_here, at_there;
	struct nd_tcp_listener *listener;
	struct nd_httpc *client;
	struct nd_httpcall call[CALLS];
	struct nd_h2peer_tally tally;
	struct way way[CONNS];
	unsigned accepted;
	bool cuts; /* the server closes connections at random */
	uint64_t ended_ns;
};

static void way_close(void *ctx)
{
	struct way *w = ctx;

	nd_tcp_close(w->tcp);
	w->tcp = NULL;
}

static void way_write(void *ctx, const void *bytes, size_t n)
{
	struct way *w = ctx;

	if (w->tcp)
		nd_tcp_write(w->tcp, bytes, n);
	if (w->r->cuts && nd_world_random(ND_WORLD_SERVER, 20) == 0)
		way_close(w);
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct way *w = ctx;
	(void)c;

	if (w->peer && !nd_h2peer_feed(w->peer, bytes, n)) {
		nd_h2peer_free(w->peer);
		w->peer = NULL;
	}
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	(void)c;
	(void)err;
	((struct way *)ctx)->tcp = NULL;
}

static void on_accept(void *ctx, struct nd_tcp *c)
{
	struct rig *r = ctx;
	struct way *w = &r->way[r->accepted++];

	assert_true(r->accepted <= CONNS);
	*w = (struct way){ .r = r, .tcp = c };
	nd_tcp_start(c, &(struct nd_tcp_handler){
				.ctx = w, .on_data = on_data, .on_close = on_close });
	w->peer = nd_h2peer_new(&(struct nd_h2peer_transport){ .ctx = w,
							       .write = way_write,
							       .close = way_close },
				&r->tally);
}

static struct nd_addr host(uint8_t n, uint16_t port)
{
	uint8_t bytes[4] = { 10, 0, 0, n };

	return nd_addr_from(AF_INET, bytes, port);
}

/* name NULL: by address. */
static void open_named(struct rig *r, uint64_t seed, const char *name)
{
	*r = (struct rig){ .at_here = host(1, 0), .at_there = host(2, 6443) };
	nd_world_open(seed);
	nd_world_set_link(&bad_link);
	r->here = nd_loop_new();
	r->there = nd_loop_new();
	nd_world_set_host(r->here, &r->at_here);
	nd_world_set_host(r->there, &r->at_there);
	assert_int_equal(nd_tcp_listen(r->there, &r->at_there, &(struct nd_tcp_options){ 0 },
				       on_accept, r, &r->listener),
			 0);
	struct nd_httpc_config c = {
		.addr = r->at_there, .name = name, .port = 6443, .versions = ND_HTTPC_H2
	};
	assert_int_equal(nd_httpc_new(r->here, &c, &r->client), 0);
}

static void open_rig(struct rig *r, uint64_t seed)
{
	open_named(r, seed, NULL);
}

static uint64_t close_rig(struct rig *r)
{
	for (size_t i = 0; i < CALLS; i++)
		nd_httpcall_clear(&r->call[i]);
	nd_httpc_free(r->client);
	for (size_t i = 0; i < CONNS; i++) {
		way_close(&r->way[i]);
		if (r->way[i].peer)
			nd_h2peer_free(r->way[i].peer);
	}
	nd_tcp_listener_close(r->listener);
	nd_world_run(nd_world_now_ns() + ND_S(60));
	assert_int_equal(nd_world_sockets(), 0);
	nd_loop_free(r->here);
	nd_loop_free(r->there);
	uint64_t trace = nd_world_trace();
	nd_world_close();
	return trace;
}

static void send_all(struct rig *r)
{
	for (size_t i = 0; i < CALLS; i++) {
		char path[32];
		snprintf(path, sizeof path, "/bytes/%zu", 50000 + i);
		r->call[i].pause_each = i % 3 ? 0 : 20000;
		nd_httpcall_get(&r->call[i], r->client, path);
	}
}

/* Resumes paused exchanges from time to time. */
static void run(struct rig *r, uint64_t ns)
{
	for (uint64_t end = nd_world_now_ns() + ns; nd_world_now_ns() < end;) {
		nd_world_run(nd_world_now_ns() + ND_MS(100));
		for (size_t i = 0; i < CALLS; i++)
			if (r->call[i].x)
				nd_httpc_pause(r->call[i].x, false);
	}
}

static bool is_right(const struct nd_buf *b, size_t n, bool whole)
{
	for (size_t i = 0; i < b->len; i++)
		if ((uint8_t)b->data[i] != nd_h2peer_byte(i))
			return false;
	return whole ? b->len == n : b->len <= n;
}

/* Loss only delays; runs of one seed are equal. */
static void test_lossy(void **state)
{
	uint64_t trace[2];
	struct rig r;
	(void)state;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		for (int again = 0; again < 2; again++) {
			open_rig(&r, seed);
			send_all(&r);
			run(&r, ND_S(60));
			for (size_t i = 0; i < CALLS; i++)
				if (r.call[i].ends != 1 || r.call[i].err ||
				    !is_right(&r.call[i].body, 50000 + i, true))
					fail_msg("seed %llu, %zu: ends %u, %d, %s",
						 (unsigned long long)seed, i, r.call[i].ends,
						 r.call[i].err, r.call[i].text);
			assert_int_equal(r.accepted, 1);
			trace[again] = close_rig(&r);
		}
		assert_true(trace[0] == trace[1]);
	}
}

/* The server closes connections: each exchange ends once, without error only if it is complete, and
 * the next one connects again. */
static void test_cuts(void **state)
{
	unsigned failed = 0, fine = 0;
	struct rig r;
	(void)state;

	for (uint64_t seed = 1; seed <= 40; seed++) {
		open_rig(&r, seed);
		r.cuts = true;
		send_all(&r);
		run(&r, ND_S(60));
		for (size_t i = 0; i < CALLS; i++) {
			if (r.call[i].ends != 1 ||
			    !is_right(&r.call[i].body, 50000 + i, r.call[i].err == 0))
				fail_msg("seed %llu, %zu: ends %u, %d, %s",
					 (unsigned long long)seed, i, r.call[i].ends, r.call[i].err,
					 r.call[i].text);
			failed += r.call[i].err != 0;
			fine += r.call[i].err == 0;
		}
		r.cuts = false;
		nd_httpcall_clear(&r.call[0]);
		nd_httpcall_get(&r.call[0], r.client, "/bytes/3");
		run(&r, ND_S(20));
		assert_int_equal(r.call[0].ends, 1);
		assert_int_equal(r.call[0].err, 0);
		close_rig(&r);
	}
	assert_true(failed > 20 && fine > 20);
}

static void note_end(struct nd_httpcall *call)
{
	((struct rig *)call->ctx)->ended_ns = nd_world_now_ns();
}

/* A watch fails within 30 s if its server is unreachable; a silent one with a live server continues
 * for hours. */
static void test_dark(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, 7);
	r.call[0].at_end = note_end;
	r.call[0].ctx = &r;
	nd_httpcall_get(&r.call[0], r.client, "/hang");
	nd_world_run(nd_world_now_ns() + ND_S(7200));
	assert_int_equal(r.call[0].datas, 1);
	assert_int_equal(r.call[0].ends, 0);
	uint64_t dark_ns = nd_world_now_ns();
	nd_world_set_dark(&r.at_there, true);
	nd_world_run(dark_ns + ND_S(120));
	assert_int_equal(r.call[0].ends, 1);
	assert_true(r.call[0].err == ND_ETIME || r.call[0].err == -ETIMEDOUT);
	assert_in_range(r.ended_ns - dark_ns, 1, ND_S(31));
	/* Connecting times out too. */
	r.call[1].at_end = note_end;
	r.call[1].ctx = &r;
	uint64_t sent_ns = nd_world_now_ns();
	nd_httpcall_get(&r.call[1], r.client, "/bytes/1");
	nd_world_run(sent_ns + ND_S(120));
	assert_true(r.call[1].err == ND_ETIME || r.call[1].err == -ETIMEDOUT);
	assert_in_range(r.ended_ns - sent_ns, 1, ND_S(11));
	nd_world_set_dark(&r.at_there, false);
	nd_httpcall_get(&r.call[2], r.client, "/bytes/1");
	run(&r, ND_S(20));
	assert_int_equal(r.call[2].err, 0);
	assert_int_equal(r.call[2].ends, 1);
	close_rig(&r);
}

/* A name instead of an address is looked up per connection, and all its addresses are tried. */
static void test_names(void **state)
{
	static const struct {
		const char *name;
		uint8_t addrs[4]; /* last byte: 2 listens, 3 refuses, 4 is unreachable; 0: end */
		unsigned delay_ms;
		int err;
		const char *text;
	} rows[] = {
		{ "one", { 2 }, 5, 0, "api.example:6443: no error" },
		{ "the second", { 3, 2 }, 5, 0, "no error" },
		{ "after an unreachable one", { 4, 2 }, 5, 0, "no error" },
		{ "the last", { 3, 3, 4, 2 }, 5, 0, "no error" },
		{ "unknown",
		  { 0 },
		  5,
		  -EHOSTUNREACH,
		  "api.example:6443: lookup: Name or service not known" },
		{ "all refuse",
		  { 3, 3 },
		  5,
		  -ECONNREFUSED,
		  "api.example:6443: (10.0.0.3) connect: Connection refused" },
		{ "slow resolver", { 2 }, 9000, 0, "no error" },
		{ "silent resolver", { 2 }, 60000, ND_ETIME, "api.example:6443: lookup: timed out" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_addr addrs[4], dark = host(4, 0);
		struct rig r;
		size_t n = 0;
		open_named(&r, i, "api.example");
		nd_world_set_dark(&dark, true);
		for (; n < 4 && rows[i].addrs[n]; n++)
			addrs[n] = host(rows[i].addrs[n], 0);
		nd_world_set_name("api.example", addrs, n, ND_MS(rows[i].delay_ms));
		struct nd_httpcall *call = &r.call[0];
		nd_httpcall_get(call, r.client, "/bytes/3");
		assert_int_equal(call->ends, 0); /* not within the call */
		run(&r, ND_S(11));
		if (call->ends != 1 || call->err != rows[i].err ||
		    !strstr(call->text, rows[i].text))
			fail_msg("%s: ends %u, %d, %s", rows[i].name, call->ends, call->err,
				 call->text);
		close_rig(&r);
	}
}

/* Each connection looks the name up again, which may have another address. A client freed during a
 * lookup is not called. */
static void test_name_moves(void **state)
{
	struct nd_addr addr = host(3, 0);
	struct rig r;
	(void)state;

	open_named(&r, 1, "api.example");
	nd_world_set_name("api.example", &addr, 1, ND_MS(5));
	nd_httpcall_get(&r.call[0], r.client, "/bytes/3");
	run(&r, ND_S(5));
	assert_int_equal(r.call[0].err, -ECONNREFUSED);
	addr = host(2, 0);
	nd_world_set_name("api.example", &addr, 1, ND_MS(5));
	nd_httpcall_get(&r.call[1], r.client, "/bytes/3");
	run(&r, ND_S(5));
	assert_int_equal(r.call[1].ends, 1);
	assert_int_equal(r.call[1].err, 0);
	close_rig(&r);

	for (int whole = 0; whole < 2; whole++) {
		open_named(&r, 2, "api.example");
		nd_world_set_name("api.example", &addr, 1, ND_S(1));
		nd_httpcall_get(&r.call[0], r.client, "/bytes/3");
		run(&r, ND_MS(500));
		nd_httpcall_clear(&r.call[0]);
		if (whole) {
			nd_httpc_free(r.client);
			r.client = NULL;
		}
		run(&r, ND_S(5));
		assert_int_equal(r.call[0].ends, 0);
		close_rig(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lossy),      cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_dark),       cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_moves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
