/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world itself: simulations rely on these properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/time.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/clock.h"
#include "io/http1.h"
#include "io/random.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "sim/world.h"

enum { SENT = 2000, LARGE = 200000 };

/* Two hosts with a loop each. */
struct rig {
	struct nd_loop *here, *there;
	struct nd_addr at_here, at_there; /* port 53 */
	struct nd_udp *server, *client;
	uint64_t born_ns;
	/* datagrams */
	unsigned got, twice, late, refused;
	uint32_t last;
	uint64_t fastest_ns, slowest_ns, sent_ns[SENT];
	uint8_t seen[SENT];
	/* streams */
	struct nd_tcp_listener *listener;
	struct nd_tcp *conn, *accepted;
	struct nd_buf bytes;
	int open_err, close_err;
	unsigned opened, closed, accepted_closed, ends;
	size_t piece;  /* bytes per write */
	unsigned cuts; /* reads that did not end at a write's end */
};

static struct nd_addr host(uint8_t n, uint16_t port)
{
	uint8_t bytes[4] = { 10, 0, 0, n };
	return nd_addr_from(AF_INET, bytes, port);
}

static void open_rig(struct rig *r, uint64_t seed, const struct nd_world_link *link)
{
	memset(r, 0, sizeof *r);
	nd_world_open(seed);
	nd_world_set_link(link);
	r->at_here = host(1, 0);
	r->at_there = host(2, 53);
	r->here = nd_loop_new();
	r->there = nd_loop_new();
	nd_world_set_host(r->here, &r->at_here);
	nd_world_set_host(r->there, &r->at_there);
	r->born_ns = nd_world_now_ns();
	r->fastest_ns = UINT64_MAX;
	nd_buf_init(&r->bytes, 2 * LARGE);
}

/* Checks that all sockets are closed. */
static void close_rig(struct rig *r)
{
	nd_udp_close(r->server);
	nd_udp_close(r->client);
	nd_tcp_close(r->conn);
	nd_tcp_close(r->accepted);
	nd_tcp_listener_close(r->listener);
	nd_world_run(nd_world_now_ns() + ND_S(60));
	assert_int_equal(nd_world_sockets(), 0);
	nd_loop_free(r->here);
	nd_loop_free(r->there);
	nd_world_close();
	nd_buf_clear(&r->bytes);
}

/* --- datagrams --- */

static void count(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct rig *r = ctx;
	(void)u;

	for (size_t i = 0; i < n; i++) {
		uint32_t number;
		assert_int_equal(d[i].len, sizeof number);
		memcpy(&number, d[i].bytes, sizeof number);
		assert_true(number < SENT);
		uint64_t took = nd_world_now_ns() - r->sent_ns[number];
		r->fastest_ns = took < r->fastest_ns ? took : r->fastest_ns;
		r->slowest_ns = took > r->slowest_ns ? took : r->slowest_ns;
		r->got++;
		r->twice += r->seen[number]++ != 0;
		r->late += number < r->last;
		r->last = number;
	}
}

static void on_error(void *ctx, struct nd_udp *u, int err, const uint8_t *quoted, size_t n)
{
	struct rig *r = ctx;
	(void)u;

	assert_int_equal(err, -ECONNREFUSED);
	assert_int_equal(n, 4);
	assert_memory_equal(quoted, "1234", 4);
	r->refused++;
}

static void open_sockets(struct rig *r, bool with_server)
{
	struct nd_udp_options o = { .datagram_bytes = 512 };
	struct nd_udp_handler h = { .ctx = r, .on_batch = count, .on_error = on_error };

	if (with_server)
		assert_int_equal(nd_udp_bind(r->there, &r->at_there, &o, &h, &r->server), 0);
	assert_int_equal(nd_udp_connect(r->here, &r->at_there, NULL, &o, &h, &r->client), 0);
}

/* One per millisecond. */
static void send_all(struct rig *r)
{
	for (uint32_t i = 0; i < SENT; i++) {
		struct nd_datagram d = { .bytes = (uint8_t *)&i, .len = sizeof i };
		r->sent_ns[i] = nd_world_now_ns();
		assert_int_equal(nd_udp_send(r->client, &d, 1), 1);
		nd_world_run(nd_world_now_ns() + ND_MS(1));
	}
	nd_world_run(nd_world_now_ns() + ND_S(1));
}

/* Each fault occurs with about its probability, and no other fault does. */
static void test_link(void **state)
{
	static const struct {
		const char *name;
		struct nd_world_link link;
		unsigned got_min, got_max, twice_min, twice_max, late_min, late_max;
	} rows[] = {
		{ "no fault", { ND_MS(2), ND_MS(2), 0, 0, 0 }, SENT, SENT, 0, 0, 0, 0 },
		{ "slow", { ND_MS(300), ND_MS(300), 0, 0, 0 }, SENT, SENT, 0, 0, 0, 0 },
		{ "uneven", { ND_MS(1), ND_MS(20), 0, 0, 0 }, SENT, SENT, 0, 0, 500, 1500 },
		{ "a tenth lost", { ND_MS(2), ND_MS(2), 100000, 0, 0 }, 1720, 1880, 0, 0, 0, 0 },
		{ "all lost", { ND_MS(2), ND_MS(2), 1000000, 0, 0 }, 0, 0, 0, 0, 0, 0 },
		{ "a fifth twice", { ND_MS(2), ND_MS(2), 0, 200000, 0 }, 2300, 2500, 300, 500, 0, 0 },
		{ "a tenth held back",
		  { ND_MS(2), ND_MS(2), 0, 0, 100000 },
		  SENT,
		  SENT,
		  0,
		  0,
		  100,
		  300 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct nd_world_link *l = &rows[i].link;
		struct rig r;
		open_rig(&r, 7, l);
		open_sockets(&r, true);
		send_all(&r);
		if (r.got < rows[i].got_min || r.got > rows[i].got_max ||
		    r.twice < rows[i].twice_min || r.twice > rows[i].twice_max ||
		    r.late < rows[i].late_min || r.late > rows[i].late_max)
			fail_msg("%s: got %u, twice %u, late %u", rows[i].name, r.got, r.twice,
				 r.late);
		if (r.got && (r.fastest_ns < l->delay_min_ns ||
			      (!l->reorder_ppm && r.slowest_ns > l->delay_max_ns)))
			fail_msg("%s: not within its delay", rows[i].name);
		struct nd_world_counts c = nd_world_counts();
		assert_int_equal(c.lost, SENT + c.duplicated - r.got);
		assert_true((c.reordered > 0) == (l->reorder_ppm > 0));
		close_rig(&r);
	}
}

static void test_refused(void **state)
{
	static const struct nd_world_link link = { ND_MS(2), ND_MS(2), 0, 0, 0 };
	struct nd_datagram d = { .bytes = (uint8_t *)"1234", .len = 4 };
	struct rig r;
	(void)state;

	open_rig(&r, 1, &link);
	open_sockets(&r, false);
	nd_udp_send(r.client, &d, 1);
	nd_world_run(nd_world_now_ns() + ND_MS(3));
	assert_int_equal(r.refused, 0); /* the ICMP error is delayed too */
	nd_world_run(nd_world_now_ns() + ND_MS(1));
	assert_int_equal(r.refused, 1);
	nd_world_set_dark(&r.at_there, true);
	nd_udp_send(r.client, &d, 1);
	nd_world_run(nd_world_now_ns() + ND_S(1));
	assert_int_equal(r.refused, 1); /* an unreachable host sends no ICMP error */
	close_rig(&r);
}

static void test_dark(void **state)
{
	static const struct nd_world_link link = { ND_MS(2), ND_MS(2), 0, 0, 0 };
	uint32_t number = 0;
	struct nd_datagram d = { .bytes = (uint8_t *)&number, .len = sizeof number };
	struct rig r;
	(void)state;

	open_rig(&r, 1, &link);
	open_sockets(&r, true);
	const struct nd_addr *who[] = { &r.at_there, &r.at_here };
	for (size_t i = 0; i < 2; i++) {
		unsigned before = r.got;
		nd_world_set_dark(who[i], true);
		nd_world_set_dark(who[i], true);
		nd_udp_send(r.client, &d, 1);
		nd_world_run(nd_world_now_ns() + ND_S(1));
		assert_int_equal(r.got, before);
		nd_world_set_dark(who[i], false);
		nd_udp_send(r.client, &d, 1);
		nd_world_run(nd_world_now_ns() + ND_S(1));
		assert_int_equal(r.got, before + 1);
	}
	close_rig(&r);
}

/* --- repeatable runs --- */

static uint64_t trace_of(uint64_t seed, uint32_t loss_ppm)
{
	struct nd_world_link link = { ND_MS(1), ND_MS(9), loss_ppm, 50000, 50000 };
	struct rig r;

	open_rig(&r, seed, &link);
	open_sockets(&r, true);
	send_all(&r);
	uint64_t trace = nd_world_trace();
	close_rig(&r);
	return trace;
}

static void test_trace(void **state)
{
	(void)state;

	for (uint64_t seed = 1; seed <= 3; seed++) {
		uint64_t first = trace_of(seed, 50000);
		assert_true(trace_of(seed, 50000) == first);
		assert_true(trace_of(seed + 1, 50000) != first);
		assert_true(trace_of(seed, 60000) != first);
	}
}

/* Draws from one stream do not change the others. */
static void test_random_streams(void **state)
{
	uint32_t want[8], got[8];
	(void)state;

	for (unsigned round = 0; round < 2; round++) {
		nd_world_open(3);
		for (unsigned i = 0; i < 8; i++) {
			for (unsigned k = 0; k < round * 5; k++) {
				nd_world_random(ND_WORLD_CLIENTS, 10);
				nd_random_u32();
			}
			(round ? got : want)[i] = nd_world_random(ND_WORLD_NETWORK, 1000000);
		}
		nd_world_close();
	}
	assert_memory_equal(want, got, sizeof want);
}

/* --- time --- */

struct day {
	struct nd_timer timer;
	struct nd_loop *loop;
	unsigned hours;
};

static void on_hour(struct nd_timer *t)
{
	struct day *d = (struct day *)t;

	d->hours++;
	nd_timer_start(d->loop, t, ND_S(3600), on_hour);
}

/* A day passes at once, and each hour's timer fires at its time. */
static void test_time(void **state)
{
	static const struct nd_world_link link = { ND_MS(1), ND_MS(1), 0, 0, 0 };
	struct day day = { .hours = 0 };
	struct rig r;
	(void)state;

	open_rig(&r, 1, &link);
	day.loop = r.here;
	uint64_t wall = nd_clock_wall_ns();
	nd_timer_start(r.here, &day.timer, ND_S(3600), on_hour);
	nd_world_run(r.born_ns + ND_S(3600) - 1);
	assert_int_equal(day.hours, 0);
	nd_world_run(r.born_ns + ND_S(86400));
	assert_int_equal(day.hours, 24);
	assert_int_equal(nd_clock_now_ns() - r.born_ns, ND_S(86400));
	assert_int_equal(nd_clock_wall_ns() - wall, ND_S(86400));
	nd_timer_stop(&day.timer);
	close_rig(&r);
}

static void count_wake(void *ctx)
{
	++*(unsigned *)ctx;
}

static void test_wake(void **state)
{
	static const struct nd_world_link link = { ND_MS(1), ND_MS(1), 0, 0, 0 };
	unsigned woken = 0, never = 0;
	struct rig r;
	(void)state;

	open_rig(&r, 1, &link);
	struct nd_wake *w = nd_wake_new(r.here, count_wake, &woken);
	struct nd_wake *freed = nd_wake_new(r.here, count_wake, &never);
	nd_wake_send(w);
	nd_wake_send(w);
	nd_wake_send(freed);
	nd_wake_free(freed);
	assert_int_equal(woken, 0); /* not within the call of the sender */
	nd_world_run(nd_world_now_ns());
	assert_int_equal(woken, 1);
	assert_int_equal(never, 0);
	nd_wake_free(w);
	close_rig(&r);
}

/* --- streams --- */

static void on_open(void *ctx, struct nd_tcp *c, int err)
{
	struct rig *r = ctx;
	(void)c;

	r->opened++;
	r->open_err = err;
	if (err)
		r->conn = NULL;
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct rig *r = ctx;
	(void)c;

	assert_int_equal(nd_buf_add(&r->bytes, bytes, n), 0);
	r->cuts += r->piece && r->bytes.len % r->piece != 0;
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	struct rig *r = ctx;

	if (c == r->conn) {
		r->conn = NULL;
		r->closed++;
	} else {
		r->accepted = NULL;
		r->accepted_closed++;
	}
	r->close_err = err;
}

static const struct nd_tcp_handler stream = { .on_open = on_open,
					      .on_data = on_data,
					      .on_close = on_close };

static void on_accept(void *ctx, struct nd_tcp *c)
{
	struct rig *r = ctx;
	struct nd_tcp_handler h = stream;

	h.ctx = r;
	r->accepted = c;
	nd_tcp_start(c, &h);
}

static void open_stream(struct rig *r, bool with_listener)
{
	struct nd_tcp_options o = { .backlog = 8 };
	struct nd_tcp_handler h = stream;

	h.ctx = r;
	if (with_listener)
		assert_int_equal(nd_tcp_listen(r->there, &r->at_there, &o, on_accept, r,
					       &r->listener),
				 0);
	assert_int_equal(nd_tcp_connect(r->here, &r->at_there, NULL, &h, &r->conn), 0);
}

static void fill(uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 8));
}

/* Over any path every byte arrives once and in order, then the end of the stream. */
static void test_bytes(void **state)
{
	static const struct {
		const char *name;
		struct nd_world_link link;
		size_t piece;
	} rows[] = {
		{ "clean", { ND_MS(1), ND_MS(1), 0, 0, 0 }, 1000 },
		{ "uneven", { ND_MS(1), ND_MS(50), 0, 0, 0 }, 997 },
		{ "lossy", { ND_MS(1), ND_MS(50), 100000, 100000, 100000 }, 5000 },
		{ "at once", { ND_MS(1), ND_MS(9), 0, 0, 0 }, LARGE },
	};
	static uint8_t bytes[LARGE];
	unsigned cuts = 0;
	(void)state;

	fill(bytes, LARGE);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		open_rig(&r, 11, &rows[i].link);
		open_stream(&r, true);
		r.piece = rows[i].piece;
		for (size_t at = 0; at < LARGE; at += rows[i].piece) {
			size_t n = LARGE - at < rows[i].piece ? LARGE - at : rows[i].piece;
			if (nd_tcp_write(r.conn, bytes + at, n))
				fail_msg("%s: refused at %zu", rows[i].name, at);
			nd_world_run(nd_world_now_ns() + ND_MS(1));
		}
		nd_world_run(nd_world_now_ns() + ND_S(60));
		nd_tcp_close(r.conn);
		r.conn = NULL;
		nd_world_run(nd_world_now_ns() + ND_S(60));
		if (r.bytes.len != LARGE || memcmp(r.bytes.data, bytes, LARGE) != 0)
			fail_msg("%s: %zu bytes, or not in order", rows[i].name, r.bytes.len);
		if (r.accepted_closed != 1 || r.close_err != 0)
			fail_msg("%s: no end", rows[i].name);
		cuts += r.cuts;
		close_rig(&r);
	}
	/* Some reads end where no write did. */
	assert_in_range(cuts, 20, 1000);
}

/* Written and closed at once: the data arrives first. */
static void test_close_after_write(void **state)
{
	static const struct nd_world_link link = { ND_MS(1), ND_MS(40), 0, 0, 0 };
	struct rig r;
	(void)state;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		open_rig(&r, seed, &link);
		open_stream(&r, true);
		nd_world_run(nd_world_now_ns() + ND_S(1));
		assert_int_equal(nd_tcp_write(r.conn, "the last words", 14), 0);
		nd_tcp_close(r.conn);
		r.conn = NULL;
		nd_world_run(nd_world_now_ns() + ND_S(1));
		assert_int_equal(r.bytes.len, 14);
		assert_int_equal(r.accepted_closed, 1);
		assert_int_equal(r.close_err, 0);
		close_rig(&r);
	}
}

/* While paused neither data nor the end is reported; then all of it, in order. */
static void test_pause(void **state)
{
	static const struct nd_world_link link = { ND_MS(1), ND_MS(1), 0, 0, 0 };
	struct rig r;
	(void)state;

	open_rig(&r, 1, &link);
	open_stream(&r, true);
	nd_world_run(nd_world_now_ns() + ND_S(1));
	nd_tcp_pause(r.accepted, true);
	nd_tcp_write(r.conn, "abc", 3);
	nd_tcp_close(r.conn);
	r.conn = NULL;
	nd_world_run(nd_world_now_ns() + ND_S(1));
	assert_int_equal(r.bytes.len, 0);
	assert_int_equal(r.accepted_closed, 0);
	nd_tcp_pause(r.accepted, false);
	nd_world_run(nd_world_now_ns() + ND_S(1));
	assert_int_equal(r.bytes.len, 3);
	assert_int_equal(r.accepted_closed, 1);
	close_rig(&r);
}

static void on_end(void *ctx, struct nd_tcp *c)
{
	struct rig *r = ctx;

	r->ends++;
	assert_int_equal(nd_tcp_write(c, "answer", 6), 0);
}

/* With on_end the stream remains writable when the peer has closed; on_close is not called. */
static void test_end(void **state)
{
	static const struct nd_world_link link = { ND_MS(1), ND_MS(1), 0, 0, 0 };
	struct nd_tcp_handler h = stream;
	struct rig r;
	(void)state;

	open_rig(&r, 1, &link);
	open_stream(&r, true);
	nd_world_run(nd_world_now_ns() + ND_S(1));
	h.ctx = &r;
	h.on_end = on_end;
	nd_tcp_start(r.accepted, &h);
	nd_tcp_close(r.conn);
	r.conn = NULL;
	nd_world_run(nd_world_now_ns() + ND_MS(2));
	assert_int_equal(r.ends, 1);
	assert_int_equal(r.accepted_closed, 0);
	close_rig(&r);
}

static void test_connect_fails(void **state)
{
	static const struct nd_world_link link = { ND_MS(2), ND_MS(2), 0, 0, 0 };
	static const struct {
		const char *name;
		bool listens, dark;
		int want;
		uint64_t within_ns;
	} rows[] = {
		{ "no listener", false, false, -ECONNREFUSED, ND_MS(5) },
		{ "unreachable", true, true, -ETIMEDOUT, ND_S(60) },
		{ "fine", true, false, 0, ND_MS(5) },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		open_rig(&r, 1, &link);
		nd_world_set_dark(&r.at_there, rows[i].dark);
		open_stream(&r, rows[i].listens);
		assert_int_equal(r.opened, 0);
		nd_world_run(nd_world_now_ns() + rows[i].within_ns);
		if (r.opened != 1 || r.open_err != rows[i].want)
			fail_msg("%s: opened %u, err %d", rows[i].name, r.opened, r.open_err);
		assert_int_equal(r.closed, 0);
		close_rig(&r);
	}
}

/* Only a writer notices that its peer became unreachable. */
static void test_dark_stream(void **state)
{
	static const struct nd_world_link link = { ND_MS(2), ND_MS(2), 0, 0, 0 };
	struct rig r;
	(void)state;

	open_rig(&r, 1, &link);
	open_stream(&r, true);
	nd_world_run(nd_world_now_ns() + ND_S(1));
	nd_world_set_dark(&r.at_there, true);
	nd_tcp_write(r.conn, "x", 1);
	nd_world_run(nd_world_now_ns() + ND_S(60));
	assert_int_equal(r.closed, 1);
	assert_int_equal(r.close_err, -ETIMEDOUT);
	assert_int_equal(r.accepted_closed, 0);
	assert_int_equal(r.bytes.len, 0);
	close_rig(&r);
}

/* A stream has no gaps: after a lost segment nothing arrives. */
static void test_no_gap(void **state)
{
	static const struct nd_world_link link = { ND_MS(2), ND_MS(2), 0, 0, 0 };
	struct rig r;
	(void)state;

	open_rig(&r, 1, &link);
	open_stream(&r, true);
	nd_world_run(nd_world_now_ns() + ND_S(1));
	nd_tcp_write(r.conn, "before", 6);
	nd_world_run(nd_world_now_ns() + ND_S(1));
	nd_world_set_dark(&r.at_there, true);
	nd_tcp_write(r.conn, "lost", 4);
	nd_world_set_dark(&r.at_there, false);
	nd_tcp_write(r.conn, "after!", 6);
	nd_world_run(nd_world_now_ns() + ND_S(60));
	assert_int_equal(r.bytes.len, 6);
	assert_memory_equal(r.bytes.data, "before", 6);
	assert_int_equal(r.close_err, -ETIMEDOUT);
	close_rig(&r);
}

/* --- a file of src/io that is the same in both --- */

static void say_ok(void *ctx, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	(void)ctx;
	nd_buf_text(&res->body, req->path);
}

static void done(void *ctx, int status, const char *body, size_t n)
{
	struct rig *r = ctx;

	r->opened = (unsigned)status;
	nd_buf_add(&r->bytes, body, n);
}

static void test_http1(void **state)
{
	static const struct nd_world_link link = { ND_MS(1), ND_MS(30), 100000, 100000, 100000 };
	struct nd_http1_server *s;
	struct rig r;
	(void)state;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		open_rig(&r, seed, &link);
		assert_int_equal(nd_http1_server_new(r.there, &r.at_there, say_ok, NULL, &s), 0);
		assert_int_equal(nd_http1_get(r.here, &r.at_there, "/health", ND_S(30), done, &r),
				 0);
		nd_world_run(nd_world_now_ns() + ND_S(60));
		assert_int_equal(r.opened, 200);
		assert_string_equal(nd_buf_string(&r.bytes), "/health");
		nd_http1_server_free(s);
		close_rig(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_dark),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_random_streams),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_close_after_write),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_connect_fails),
		cmocka_unit_test(test_dark_stream),
		cmocka_unit_test(test_no_gap),
		cmocka_unit_test(test_http1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
