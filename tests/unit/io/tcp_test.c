/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/clock.h"
#include "io/tcp.h"
#include "support/netns.h"

enum { LARGE = 3 << 20, CROWD = 200 };

/* What the server does with its input. */
enum mode { ECHO, CLOSE_AFTER_ECHO, ECHO_AT_END, CLOSE_AT_ONCE, IGNORE };

struct rig {
	struct nd_loop *loop;
	struct nd_tcp_listener *listener;
	struct nd_tcp *client, *server;
	struct nd_timer limit;
	enum mode mode;
	struct nd_buf got;  /* at the client */
	struct nd_buf kept; /* at the server, for ECHO_AT_END */
	size_t want;        /* the client stops the loop after this many bytes */
	unsigned accepted, chunks, opened, drained, blocked;
	int open_err, closed, close_err; /* the client's */
	int server_closed, server_close_err;
};

static void give_up(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct rig, limit)->loop);
}

static void run_ms(struct rig *r, unsigned ms)
{
	nd_timer_start(r->loop, &r->limit, ND_MS(ms), give_up);
	nd_loop_run(r->loop);
	nd_timer_stop(&r->limit);
}

static void run(struct rig *r)
{
	run_ms(r, 3000);
}

static void on_server_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct rig *r = ctx;

	switch (r->mode) {
	case ECHO: assert_int_equal(nd_tcp_write(c, bytes, n), 0); break;
	case CLOSE_AFTER_ECHO:
		assert_int_equal(nd_tcp_write(c, bytes, n), 0);
		r->server = NULL;
		nd_tcp_close(c);
		assert_int_equal(nd_tcp_write(c, bytes, n), ND_ECLOSED);
		break;
	case ECHO_AT_END: nd_buf_add(&r->kept, bytes, n); break;
	case CLOSE_AT_ONCE:
	case IGNORE: break;
	}
}

static void on_server_end(void *ctx, struct nd_tcp *c)
{
	struct rig *r = ctx;

	assert_int_equal(nd_tcp_write(c, r->kept.data, r->kept.len), 0);
	r->server = NULL;
	nd_tcp_close(c);
}

static void on_server_close(void *ctx, struct nd_tcp *c, int err)
{
	struct rig *r = ctx;

	nd_tcp_close(c); /* closed already: no effect */
	r->server = NULL;
	r->server_closed++;
	r->server_close_err = err;
	nd_loop_stop(r->loop);
}

static void on_blocked(void *ctx, struct nd_tcp *c)
{
	struct rig *r = ctx;

	assert_true(nd_tcp_queued(c) > 0);
	r->blocked++;
}

static void on_accept(void *ctx, struct nd_tcp *c)
{
	struct rig *r = ctx;
	struct nd_tcp_handler h = { .ctx = r,
				    .on_data = on_server_data,
				    .on_close = on_server_close,
				    .on_blocked = on_blocked,
				    .on_end = r->mode == ECHO_AT_END ? on_server_end : NULL };

	r->accepted++;
	if (r->mode == CLOSE_AT_ONCE) {
		nd_tcp_close(c);
		return;
	}
	r->server = c;
	nd_tcp_set_max_queued(c, LARGE + 1);
	nd_tcp_start(c, &h);
}

static void on_open(void *ctx, struct nd_tcp *c, int err)
{
	struct rig *r = ctx;
	(void)c;

	r->opened++;
	r->open_err = err;
	if (err)
		nd_loop_stop(r->loop);
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct rig *r = ctx;
	(void)c;

	r->chunks++;
	nd_buf_add(&r->got, bytes, n);
	if (r->want && r->got.len >= r->want)
		nd_loop_stop(r->loop);
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	struct rig *r = ctx;
	(void)c;

	r->client = NULL;
	r->closed++;
	r->close_err = err;
	nd_loop_stop(r->loop);
}

static void on_drain(void *ctx, struct nd_tcp *c)
{
	struct rig *r = ctx;
	(void)c;

	r->drained++;
}

/* The server alone. */
static void open_server(struct rig *r, enum mode mode)
{
	struct nd_addr at;

	*r = (struct rig){ .loop = nd_loop_new(), .mode = mode, .open_err = 1 };
	nd_buf_init(&r->got, LARGE);
	nd_buf_init(&r->kept, LARGE);
	assert_int_equal(nd_addr_parse("127.0.0.1:0", 0, &at), 0);
	assert_int_equal(nd_tcp_listen(r->loop, &at, &(struct nd_tcp_options){ .reuseport = true },
				       on_accept, r, &r->listener),
			 0);
}

static void open_rig(struct rig *r, enum mode mode)
{
	struct nd_tcp_handler h = { .ctx = r,
				    .on_open = on_open,
				    .on_data = on_data,
				    .on_close = on_close,
				    .on_drain = on_drain };

	open_server(r, mode);
	struct nd_addr at = nd_tcp_listener_local(r->listener);
	assert_int_equal(nd_tcp_connect(r->loop, &at, NULL, &h, &r->client), 0);
}

static void close_rig(struct rig *r)
{
	nd_tcp_close(r->client);
	nd_tcp_close(r->server);
	nd_tcp_listener_close(r->listener);
	nd_loop_free(r->loop);
	nd_buf_clear(&r->got);
	nd_buf_clear(&r->kept);
}

/* Written before the connection is open; many writes of one turn arrive as one piece. */
static void test_echo(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, ECHO);
	for (int i = 0; i < 100; i++)
		assert_int_equal(nd_tcp_write(r.client, "0123456789", 10), 0);
	assert_int_equal(nd_tcp_queued(r.client), 1000);
	r.want = 1000;
	run(&r);
	assert_int_equal(r.open_err, 0);
	assert_int_equal(r.opened, 1);
	assert_int_equal(r.got.len, 1000);
	assert_int_equal(r.chunks, 1);
	assert_int_equal(nd_tcp_queued(r.client), 0);
	assert_int_equal(r.drained, 1);

	struct nd_addr own = nd_tcp_local(r.client), seen = nd_tcp_peer(r.server);
	assert_true(nd_addr_equal(&own, &seen));
	own = nd_tcp_peer(r.client);
	seen = nd_tcp_local(r.server);
	assert_true(nd_addr_equal(&own, &seen));
	close_rig(&r);
}

static void fill(uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 8));
}

/* More than any socket buffer holds: echoed completely, in pieces of any size. */
static void test_large(void **state)
{
	struct rig r;
	uint8_t *bytes = malloc(LARGE);
	(void)state;

	fill(bytes, LARGE);
	open_rig(&r, ECHO);
	assert_int_equal(nd_tcp_write(r.client, bytes, LARGE), ND_ELIMIT);
	nd_tcp_set_max_queued(r.client, LARGE);
	assert_int_equal(nd_tcp_write(r.client, bytes, LARGE), 0);
	assert_int_equal(nd_tcp_write(r.client, bytes, 1), ND_ELIMIT);
	r.want = LARGE;
	run(&r);
	assert_int_equal(r.got.len, LARGE);
	assert_memory_equal(r.got.data, bytes, LARGE);
	close_rig(&r);
	free(bytes);
}

/* Bytes written before close are sent, in any size, without further callbacks. */
static void test_close_after_write(void **state)
{
	static const size_t sizes[] = { 1, 5000, LARGE };
	uint8_t *bytes = malloc(LARGE);
	(void)state;

	fill(bytes, LARGE);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct rig r;
		open_rig(&r, ECHO_AT_END);
		nd_tcp_set_max_queued(r.client, LARGE);
		assert_int_equal(nd_tcp_write(r.client, bytes, sizes[i]), 0);
		r.want = 1;
		while (!r.opened) /* closing a connection that is not open yet drops it */
			run_ms(&r, 1);
		nd_tcp_close(r.client);
		r.client = NULL;
		while (r.kept.len < sizes[i] && r.server)
			run_ms(&r, 1);
		assert_int_equal(r.kept.len, sizes[i]);
		assert_memory_equal(r.kept.data, bytes, sizes[i]);
		assert_int_equal(r.got.len, 0);
		assert_int_equal(r.closed, 0);
		close_rig(&r);
	}
	free(bytes);
}

static void test_server_closes(void **state)
{
	static const struct {
		const char *name;
		enum mode mode;
		size_t got;
	} rows[] = {
		{ "after its answer", CLOSE_AFTER_ECHO, 4 },
		{ "at once", CLOSE_AT_ONCE, 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		open_rig(&r, rows[i].mode);
		if (rows[i].mode != CLOSE_AT_ONCE)
			nd_tcp_write(r.client, "ping", 4);
		run(&r);
		if (r.closed != 1 || r.close_err != 0 || r.got.len != rows[i].got)
			fail_msg("%s: closed %d, err %d, got %zu", rows[i].name, r.closed,
				 r.close_err, r.got.len);
		close_rig(&r);
	}
}

/* A connected plain socket that has sent text. */
static int plain_client(struct rig *r, const char *text)
{
	struct nd_addr at = nd_tcp_listener_local(r->listener);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, &at.sa, at.len), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

/* Connections accepted in one turn of the loop. */
struct accepts {
	struct rig *rig;
	unsigned seen, most;
};

static void on_accept_turn(void *ctx)
{
	struct accepts *a = ctx;
	unsigned n = a->rig->accepted - a->seen;

	a->seen += n;
	a->most = n > a->most ? n : a->most;
	if (a->seen == CROWD)
		nd_loop_stop(a->rig->loop);
}

/* Many connections at once are accepted over several turns of the loop. */
static void test_crowd(void **state)
{
	enum { TURN = 16 };
	int fd[CROWD];
	struct rig r;
	struct accepts accepts = { .rig = &r };
	(void)state;

	open_server(&r, CLOSE_AT_ONCE);
	for (unsigned i = 0; i < CROWD; i++)
		fd[i] = plain_client(&r, "hello");
	nd_loop_on_turn(r.loop, on_accept_turn, &accepts);
	run(&r);
	assert_int_equal(r.accepted, CROWD);
	assert_in_range(accepts.most, 1, TURN);
	for (unsigned i = 0; i < CROWD; i++)
		close(fd[i]);
	close_rig(&r);
}

/* Connections that come in a pause wait, and all are accepted afterwards. */
static void test_listener_pause(void **state)
{
	int fd[3];
	struct rig r;
	(void)state;

	open_server(&r, ECHO);
	nd_tcp_listener_pause(r.listener, true);
	for (unsigned i = 0; i < 3; i++)
		fd[i] = plain_client(&r, "hello");
	run_ms(&r, 30);
	assert_int_equal(r.accepted, 0);
	nd_tcp_listener_pause(r.listener, false);
	for (int step = 0; step < 1000 && r.accepted < 3; step++)
		run_ms(&r, 5);
	assert_int_equal(r.accepted, 3);
	for (unsigned i = 0; i < 3; i++)
		close(fd[i]);
	run_ms(&r, 5);
	close_rig(&r);
}

/* The client closes its writing side and still waits for the answer. */
static void test_half_closed(void **state)
{
	static const struct {
		const char *name;
		enum mode mode;
	} rows[] = {
		{ "answered before the end", ECHO },
		{ "answered at the end", ECHO_AT_END },
	};
	char got[16];
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		open_server(&r, rows[i].mode);
		int fd = plain_client(&r, "question");
		shutdown(fd, SHUT_WR);
		size_t n = 0;
		ssize_t more = -1;
		for (int step = 0; step < 1000 && more != 0; step++) {
			run_ms(&r, 5);
			more = recv(fd, got + n, sizeof got - n, MSG_DONTWAIT);
			n += more > 0 ? (size_t)more : 0;
		}
		if (more != 0 || n != 8 || memcmp(got, "question", 8) != 0)
			fail_msg("%s: got %zu, then %zd", rows[i].name, n, more);
		close(fd);
		close_rig(&r);
	}
}

/* A reset is an error, reported once. */
static void test_reset(void **state)
{
	struct rig r;
	(void)state;

	open_server(&r, IGNORE);
	int fd = plain_client(&r, "x");
	for (int step = 0; step < 1000 && !r.accepted; step++)
		run_ms(&r, 5);
	assert_int_equal(r.accepted, 1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 },
		   sizeof(struct linger));
	close(fd);
	run(&r);
	assert_int_equal(r.server_closed, 1);
	assert_int_equal(r.server_close_err, -ECONNRESET);
	close_rig(&r);
}

/* Input after the close is discarded, but not without limit. */
static void test_discarded(void **state)
{
	static const char bytes[65536];
	struct rig r;
	(void)state;

	open_server(&r, CLOSE_AFTER_ECHO);
	int fd = plain_client(&r, "x");
	size_t sent = 0;
	ssize_t n = 0;
	for (int step = 0; step < 300 && (n >= 0 || errno == EAGAIN); step++) {
		run_ms(&r, 2);
		n = send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
	assert_true(n < 0 && (errno == ECONNRESET || errno == EPIPE));
	assert_true(sent > ND_TCP_DISCARD_MAX);
	close(fd);
	close_rig(&r);
}

static void test_refused(void **state)
{
	struct rig r;
	struct nd_addr at;
	struct nd_tcp_handler h = { .ctx = &r, .on_open = on_open, .on_close = on_close };
	(void)state;

	open_server(&r, ECHO);
	at = nd_tcp_listener_local(r.listener);
	nd_tcp_listener_close(r.listener);
	r.listener = NULL;
	assert_int_equal(nd_tcp_connect(r.loop, &at, NULL, &h, &r.client), 0);
	run(&r);
	assert_int_equal(r.open_err, -ECONNREFUSED);
	assert_int_equal(r.closed, 0);
	r.client = NULL;
	close_rig(&r);
}

static void test_source(void **state)
{
	struct rig r;
	struct nd_addr at, source, seen;
	struct nd_tcp_handler h = {
		.ctx = &r, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};
	(void)state;

	open_server(&r, ECHO);
	at = nd_tcp_listener_local(r.listener);
	nd_addr_parse("127.0.0.9:0", 0, &source);
	assert_int_equal(nd_tcp_connect(r.loop, &at, &source, &h, &r.client), 0);
	nd_tcp_write(r.client, "x", 1);
	r.want = 1;
	run(&r);
	seen = nd_tcp_peer(r.server);
	nd_addr_set_port(&seen, 0);
	assert_true(nd_addr_equal(&seen, &source));
	nd_addr_parse("192.0.2.1:0", 0, &source);
	struct nd_tcp *none;
	assert_int_equal(nd_tcp_connect(r.loop, &at, &source, &h, &none), -EADDRNOTAVAIL);
	close_rig(&r);
}

/* Nothing is read while paused, and nothing is lost. */
static void test_pause(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, ECHO);
	nd_tcp_pause(r.client, true);
	nd_tcp_write(r.client, "abc", 3);
	r.want = 3;
	run_ms(&r, 50);
	assert_int_equal(r.got.len, 0);
	nd_tcp_pause(r.client, false);
	run(&r);
	assert_int_equal(r.got.len, 3);
	close_rig(&r);
}

/* Bytes received in one turn of the loop. */
struct turns {
	struct rig *rig;
	size_t seen, most; /* bytes: in total; in the turn with the most */
	unsigned busy;     /* turns with at least one byte */
};

static void on_turn(void *ctx)
{
	struct turns *t = ctx;
	size_t n = t->rig->got.len - t->seen;

	t->seen = t->rig->got.len;
	t->busy += n > 0;
	t->most = n > t->most ? n : t->most;
}

/* Many bytes are readable: one turn delivers only some of them, and the next turn continues
 * although nothing new arrives. */
static void test_turns(void **state)
{
	enum { TURN = 65536 };
	struct rig r;
	struct turns t = { .rig = &r };
	uint8_t *bytes = malloc(LARGE);
	(void)state;

	fill(bytes, LARGE);
	open_rig(&r, IGNORE);
	nd_tcp_pause(r.client, true);
	while (!r.server)
		run_ms(&r, 1);
	assert_int_equal(nd_tcp_write(r.server, bytes, LARGE), 0);
	run_ms(&r, 50); /* as much as the kernel buffers */
	nd_loop_on_turn(r.loop, on_turn, &t);
	nd_tcp_pause(r.client, false);
	r.want = LARGE;
	run(&r);
	assert_int_equal(r.got.len, LARGE);
	assert_memory_equal(r.got.data, bytes, LARGE);
	assert_in_range(t.most, 1, TURN);
	assert_true(t.busy >= LARGE / TURN - 1); /* the loop stops within the last one */
	close_rig(&r);
	free(bytes);
}

static void test_adopt(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, ECHO);
	int fd = dup(nd_tcp_listener_fd(r.listener));
	nd_tcp_listener_close(r.listener);
	assert_int_equal(nd_tcp_adopt_listener(r.loop, fd, &(struct nd_tcp_options){ 0 }, on_accept,
					       &r, &r.listener),
			 0);
	nd_tcp_write(r.client, "abc", 3);
	r.want = 3;
	run(&r);
	assert_int_equal(r.got.len, 3);
	close_rig(&r);
}

static void test_listen_twice(void **state)
{
	struct rig r;
	struct nd_tcp_listener *other;
	(void)state;

	open_rig(&r, ECHO);
	struct nd_addr at = nd_tcp_listener_local(r.listener);
	assert_int_equal(nd_tcp_listen(r.loop, &at, &(struct nd_tcp_options){ .reuseport = true },
				       on_accept, &r, &other),
			 0);
	nd_tcp_listener_close(other);
	assert_int_equal(nd_tcp_listen(r.loop, &at, &(struct nd_tcp_options){ 0 }, on_accept, &r,
				       &other),
			 -EADDRINUSE);
	close_rig(&r);
}

/* Freeing the loop closes open connections and reports it. */
static void test_loop_goes(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, ECHO);
	nd_tcp_write(r.client, "abc", 3);
	r.want = 3;
	run(&r);
	nd_loop_free(r.loop);
	assert_int_equal(r.closed, 1);
	assert_int_equal(r.close_err, ND_ECLOSED);
	assert_int_equal(r.server_closed, 1);
	nd_buf_clear(&r.got);

	open_rig(&r, ECHO);
	nd_loop_free(r.loop); /* while connecting */
	assert_int_equal(r.open_err, ND_ECLOSED);
	assert_int_equal(r.closed, 0);
}

/* A flush within the turn calls nothing; then the peer does not read, and then it does. */
static void test_blocked(void **state)
{
	uint8_t *bytes = calloc(1, LARGE);
	struct rig r;
	(void)state;

	open_rig(&r, ECHO);
	nd_tcp_write(r.client, "abc", 3);
	r.want = 3;
	run(&r);
	nd_tcp_pause(r.client, true);
	assert_int_equal(nd_tcp_write(r.server, bytes, LARGE), 0);
	size_t left = nd_tcp_flush(r.server);
	assert_in_range(left, 1, LARGE - 1);
	assert_int_equal(left, nd_tcp_queued(r.server));
	assert_int_equal(r.blocked, 0);
	run_ms(&r, 50);
	assert_int_equal(r.blocked, 1);
	nd_tcp_pause(r.client, false);
	nd_buf_reset(&r.got);
	r.want = LARGE;
	run(&r);
	assert_int_equal(r.got.len, LARGE);
	assert_int_equal(nd_tcp_queued(r.server), 0);
	assert_int_equal(nd_tcp_flush(r.server), 0);
	close_rig(&r);
	free(bytes);
}

/* The peer vanishes without a packet: the connection breaks after the time given, not after 15
 * minutes. Last: this process then has its own network. */
static void test_liveness(void **state)
{
	struct rig r;
	char out[256];
	(void)state;

	if (nd_netns_enter())
		skip();
	nd_netns_run("ip link set lo up 2>&1", out, sizeof out);
	for (unsigned idle = 0; idle < 2; idle++) {
		open_rig(&r, IGNORE);
		nd_tcp_set_liveness(r.client, 500, 1);
		run_ms(&r, 50);
		assert_int_equal(r.open_err, 0);
		nd_netns_run("ip link set lo down 2>&1", out, sizeof out);
		if (!idle)
			assert_int_equal(nd_tcp_write(r.client, "x", 1), 0);
		run_ms(&r, 8000);
		assert_int_equal(r.closed, 1);
		assert_true(r.close_err < 0);
		nd_netns_run("ip link set lo up 2>&1", out, sizeof out);
		close_rig(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_close_after_write),
		cmocka_unit_test(test_server_closes),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_listener_pause),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_discarded),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_listen_twice),
		cmocka_unit_test(test_loop_goes),
		cmocka_unit_test(test_liveness),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
