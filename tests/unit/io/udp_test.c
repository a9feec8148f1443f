/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/clock.h"
#include "io/udp.h"

enum { MANY = 700 }; /* more than one turn reads */

/* A server that echoes and a client that counts. */
struct bench {
	struct nd_loop *loop;
	struct nd_udp *server, *client;
	struct nd_timer limit;
	size_t want, got, at_server, batches, largest;
	bool close_in_batch;
	struct nd_addr local; /* of the last datagram at the server */
	uint32_t ifindex;
	size_t len;
	bool cut;
	uint8_t last[64];
	int err;
	uint16_t heard[64]; /* ports of sockets that received something */
	size_t nheard, unsent;
};

static void give_up(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct bench, limit)->loop);
}

static bool heard(const struct bench *b, const struct nd_udp *u)
{
	struct nd_addr at = nd_udp_local(u);

	for (size_t i = 0; i < b->nheard; i++) {
		if (b->heard[i] == nd_addr_port(&at))
			return true;
	}
	return false;
}

static void echo(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct bench *b = ctx;
	struct nd_addr at = nd_udp_local(u);

	b->at_server += n;
	if (b->nheard < 64 && !heard(b, u))
		b->heard[b->nheard++] = nd_addr_port(&at);
	b->batches++;
	b->largest = n > b->largest ? n : b->largest;
	b->local = d[n - 1].local;
	b->ifindex = d[n - 1].ifindex;
	b->len = d[n - 1].len;
	b->cut = d[n - 1].cut;
	if (b->close_in_batch) {
		nd_udp_close(u);
		assert_int_equal(nd_udp_send(u, d, n), 0);
		b->server = NULL;
		nd_loop_stop(b->loop);
		return;
	}
	nd_udp_send(u, d, n);
}

static void count(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct bench *b = ctx;
	(void)u;

	b->got += n;
	memcpy(b->last, d[n - 1].bytes, d[n - 1].len < 64 ? d[n - 1].len : 64);
	assert_null(d->peer);
	if (b->got >= b->want)
		nd_loop_stop(b->loop);
}

static void on_error(void *ctx, struct nd_udp *u, int err, const uint8_t *quoted, size_t n)
{
	struct bench *b = ctx;
	(void)u;

	b->err = err;
	assert_int_equal(n, 1);
	assert_int_equal(quoted[0], 'x');
	nd_loop_stop(b->loop);
}

static void on_unsent(void *ctx, struct nd_udp *u, int err, const uint8_t *bytes, size_t n)
{
	struct bench *b = ctx;

	b->err = err;
	assert_int_equal(n, 3);
	assert_memory_equal(bytes, "abc", 3);
	/* Inside a report a datagram is written at once. */
	assert_int_equal(nd_udp_queue(b->loop, u, "abc", 3), -EPIPE);
	if (++b->unsent == b->want)
		nd_loop_stop(b->loop);
}

static struct nd_addr addr(const char *text)
{
	struct nd_addr a;

	assert_int_equal(nd_addr_parse(text, 0, &a), 0);
	return a;
}

/* false: the machine does not have the address family. */
static bool open_bench(struct bench *b, const char *bind, const char *ask, bool pktinfo)
{
	struct nd_udp_options o = { .pktinfo = pktinfo, .v6only = true, .datagram_bytes = 512 };
	struct nd_addr at = addr(bind), to = addr(ask);

	*b = (struct bench){ .loop = nd_loop_new() };
	int err = nd_udp_bind(b->loop, &at, &o,
			      &(struct nd_udp_handler){ .ctx = b, .on_batch = echo }, &b->server);
	if (err) {
		nd_loop_free(b->loop);
		assert_true(err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL);
		return false;
	}
	at = nd_udp_local(b->server);
	nd_addr_set_port(&to, nd_addr_port(&at));
	err = nd_udp_connect(b->loop, &to, NULL, &(struct nd_udp_options){ .datagram_bytes = 512 },
			     &(struct nd_udp_handler){ .ctx = b,
						       .on_batch = count,
						       .on_error = on_error,
						       .on_unsent = on_unsent },
			     &b->client);
	assert_int_equal(err, 0);
	return true;
}

static void run(struct bench *b)
{
	nd_timer_start(b->loop, &b->limit, ND_S(3), give_up);
	nd_loop_run(b->loop);
	nd_timer_stop(&b->limit);
}

static size_t send_text(struct nd_udp *u, const char *text)
{
	struct nd_datagram d = { .bytes = (uint8_t *)text, .len = (uint32_t)strlen(text) };

	return nd_udp_send(u, &d, 1);
}

static void close_bench(struct bench *b)
{
	nd_udp_close(b->client);
	nd_udp_close(b->server);
	nd_loop_free(b->loop);
}

/* A wildcard socket must answer from the address that was queried: the client is connected and
 * would not receive it otherwise. */
static void test_echo(void **state)
{
	static const struct {
		const char *name, *bind, *ask;
		bool pktinfo;
	} rows[] = {
		{ "IPv4", "127.0.0.1:0", "127.0.0.1:0", false },
		{ "IPv4 with pktinfo", "127.0.0.1:0", "127.0.0.1:0", true },
		{ "IPv4 wildcard, another address", "0.0.0.0:0", "127.0.0.77:0", true },
		{ "IPv6", "[::1]:0", "[::1]:0", false },
		{ "IPv6 wildcard", "[::]:0", "[::1]:0", true },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bench b;
		if (!open_bench(&b, rows[i].bind, rows[i].ask, rows[i].pktinfo))
			continue;
		b.want = 1;
		assert_int_equal(send_text(b.client, "hello"), 1);
		run(&b);
		if (b.got != 1 || memcmp(b.last, "hello", 5) != 0)
			fail_msg("%s: no answer", rows[i].name);
		if (rows[i].pktinfo) {
			struct nd_addr want = addr(rows[i].ask), at = nd_udp_local(b.server);
			nd_addr_set_port(&want, nd_addr_port(&at));
			if (!nd_addr_equal(&b.local, &want) || !b.ifindex)
				fail_msg("%s: wrong local address", rows[i].name);
		} else if (b.local.len || b.ifindex) {
			fail_msg("%s: a local address without pktinfo", rows[i].name);
		}
		close_bench(&b);
	}
}

/* Sockets of both families share the loop's buffers: after a short address there must be room for a
 * long one. */
static void test_both_families(void **state)
{
	struct bench b;
	struct nd_udp *six, *ask;
	struct nd_addr at = addr("[::1]:0"), local;
	struct nd_udp_options o = { .pktinfo = true, .datagram_bytes = 512 };
	struct nd_udp_handler h = { .ctx = &b, .on_batch = echo },
			      hc = { .ctx = &b, .on_batch = count };
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", true));
	if (nd_udp_bind(b.loop, &at, &o, &h, &six) == 0) {
		at = nd_udp_local(six);
		assert_int_equal(nd_udp_connect(b.loop, &at, NULL, &o, &hc, &ask), 0);
		for (b.want = 1; b.want <= 4; b.want++) {
			send_text(b.want % 2 ? b.client : ask, "x");
			run(&b);
			assert_int_equal(b.got, b.want);
			local = nd_udp_local(b.want % 2 ? b.server : six);
			assert_true(nd_addr_equal(&b.local, &local));
			assert_true(b.ifindex != 0);
		}
		nd_udp_close(six);
		nd_udp_close(ask);
	}
	close_bench(&b);
}

/* More sockets than poll(2) watches; some are closed and others take their places. */
static void test_many_sockets(void **state)
{
	enum { SOCKETS = 24 };
	struct bench b;
	struct nd_udp *u[SOCKETS];
	struct nd_addr any = addr("127.0.0.1:0"), to;
	struct nd_udp_options o = { .datagram_bytes = 512 };
	struct nd_datagram d = { .bytes = (uint8_t *)"x", .len = 1, .peer = &to };
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	struct nd_udp_handler h = { .ctx = &b, .on_batch = echo };
	for (size_t i = 0; i < SOCKETS; i++)
		assert_int_equal(nd_udp_bind(b.loop, &any, &o, &h, &u[i]), 0);
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = round; i < SOCKETS; i += 3) {
			nd_udp_close(u[i]);
			assert_int_equal(nd_udp_bind(b.loop, &any, &o, &h, &u[i]), 0);
		}
		b.at_server = 0;
		for (size_t i = 0; i < SOCKETS; i++) {
			to = nd_udp_local(u[i]);
			assert_int_equal(nd_udp_send(b.server, &d, 1), 1);
		}
		/* Each echo returns to the first socket, which echoes it again, without end. */
		for (int step = 0; step < 100 && b.at_server < 4 * SOCKETS; step++) {
			nd_timer_start(b.loop, &b.limit, ND_MS(5), give_up);
			nd_loop_run(b.loop);
		}
		for (size_t i = 0; i < SOCKETS; i++)
			if (!heard(&b, u[i]))
				fail_msg("round %zu: socket %zu heard nothing", round, i);
		b.nheard = 0;
	}
	for (size_t i = 0; i < SOCKETS; i++)
		nd_udp_close(u[i]);
	close_bench(&b);
}

/* Many datagrams arrive complete and in order, in several batches. */
static void test_many(void **state)
{
	struct bench b;
	uint32_t numbers[MANY];
	struct nd_datagram d[MANY];
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	for (uint32_t i = 0; i < MANY; i++) {
		numbers[i] = i;
		d[i] = (struct nd_datagram){ .bytes = (uint8_t *)&numbers[i], .len = 4 };
	}
	/* A quarter at a time: a default socket buffer holds about 270 small datagrams. */
	for (size_t at = 0; at < MANY; at += MANY / 4) {
		b.want = at + MANY / 4;
		assert_int_equal(nd_udp_send(b.client, d + at, MANY / 4), MANY / 4);
		run(&b);
	}
	assert_int_equal(b.got, MANY);
	assert_int_equal(b.largest, ND_UDP_BATCH);
	assert_memory_equal(b.last, &numbers[MANY - 1], 4);
	assert_int_equal(nd_udp_stats(b.client).unsent, 0);
	close_bench(&b);
}

/* What arrives in a pause waits. */
static void test_pause(void **state)
{
	struct bench b;
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	nd_udp_pause(b.server, true);
	b.want = 3;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send_text(b.client, "x"), 1);
	nd_timer_start(b.loop, &b.limit, ND_MS(30), give_up);
	nd_loop_run(b.loop);
	assert_int_equal(b.at_server, 0);
	nd_udp_pause(b.server, false);
	run(&b);
	assert_int_equal(b.got, 3);
	close_bench(&b);
}

static void test_sizes(void **state)
{
	static const struct {
		size_t sent, len;
		bool cut;
	} rows[] = { { 0, 0, false }, { 1, 1, false }, { 512, 512, false }, { 513, 512, true } };
	static uint8_t bytes[1024];
	struct bench b;
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct nd_datagram d = { .bytes = bytes, .len = (uint32_t)rows[i].sent };
		b.want = i + 1;
		nd_udp_send(b.client, &d, 1);
		run(&b);
		if (b.len != rows[i].len || b.cut != rows[i].cut)
			fail_msg("%zu: got %zu, cut %d", rows[i].sent, b.len, b.cut);
	}
	close_bench(&b);
}

static void test_close_in_batch(void **state)
{
	struct bench b;
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	b.close_in_batch = true;
	send_text(b.client, "a");
	send_text(b.client, "b");
	run(&b);
	assert_null(b.server);
	close_bench(&b);
}

/* Nothing listens: each refusal is reported, and the socket still works later. */
static void check_refused(const char *local)
{
	struct bench b;

	if (!open_bench(&b, local, local, false))
		return;
	struct nd_addr at = nd_udp_local(b.server);
	nd_udp_close(b.server);
	for (int i = 0; i < 2; i++) {
		b.err = 0;
		assert_int_equal(send_text(b.client, "x"), 1);
		run(&b);
		assert_int_equal(b.err, -ECONNREFUSED);
	}
	send_text(b.client,
		  "x"); /* causes an error that the next datagram must not be dropped for */
	assert_int_equal(nd_udp_bind(b.loop, &at, &(struct nd_udp_options){ .datagram_bytes = 512 },
				     &(struct nd_udp_handler){ .ctx = &b, .on_batch = echo },
				     &b.server),
			 0);
	assert_int_equal(send_text(b.client, "y"), 1);
	b.want = 1;
	run(&b); /* until the error is reported, or the answer is there */
	if (!b.got)
		run(&b);
	assert_int_equal(b.got, 1);
	close_bench(&b);
}

static void test_refused(void **state)
{
	(void)state;
	check_refused("127.0.0.1:0");
	check_refused("[::1]:0");
}

/* A datagram that cannot be sent does not stop the others. */
static void test_unsendable(void **state)
{
	struct bench b;
	struct nd_addr to, nowhere = addr("[2001:db8::1]:53");
	uint8_t byte = 'x';
	struct nd_datagram d[3];
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	to = nd_udp_local(b.server);
	for (size_t i = 0; i < 3; i++)
		d[i] = (struct nd_datagram){ .bytes = &byte,
					     .len = 1,
					     .peer = i == 1 ? &nowhere : &to };
	assert_int_equal(nd_udp_send(b.server, d, 3), 2);
	assert_int_equal(nd_udp_stats(b.server).unsent, 1);
	close_bench(&b);
}

/* One datagram, with the reason of a failure. */
static void test_write(void **state)
{
	static uint8_t large[70000];
	struct bench b;
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	assert_int_equal(nd_udp_write(b.client, "abc", 3), 0);
	b.want = 1;
	run(&b);
	assert_int_equal(b.got, 1);
	assert_int_equal(nd_udp_write(b.client, large, sizeof large), -EMSGSIZE);
	assert_int_equal(nd_udp_stats(b.client).unsent, 1);
	assert_false(nd_udp_is_loss(-EMSGSIZE));
	assert_true(nd_udp_is_loss(-EPERM));
	assert_int_equal(nd_udp_write(b.client, "abc", 3), 0);
	close_bench(&b);
}

/* More than a batch: all arrive. */
static void test_queue(void **state)
{
	static uint8_t large[1000];
	struct bench b;
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	for (unsigned i = 0; i < 3 * ND_UDP_BATCH + 1; i++)
		assert_int_equal(nd_udp_queue(b.loop, b.client, "abc", 3), 0);
	assert_int_equal(nd_udp_queue(b.loop, b.client, large, sizeof large), 0);
	b.want = 3 * ND_UDP_BATCH + 2;
	run(&b);
	assert_int_equal(b.got, b.want);
	assert_int_equal(nd_udp_stats(b.client).unsent, 0);
	close_bench(&b);
}

/* Those that the kernel refuses are reported at the end of the turn, also if the queue was full
 * before; those of a closed socket are not. */
static void test_queue_refused(void **state)
{
	struct bench b;
	struct nd_udp *closed;
	struct nd_addr to;
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	to = nd_udp_local(b.server);
	assert_int_equal(nd_udp_connect(b.loop, &to, NULL, &(struct nd_udp_options){ 0 },
					&(struct nd_udp_handler){ .ctx = &b, .on_batch = count },
					&closed),
			 0);
	assert_int_equal(shutdown(nd_udp_fd(b.client), SHUT_WR), 0);
	for (unsigned i = 0; i < ND_UDP_BATCH; i++)
		assert_int_equal(nd_udp_queue(b.loop, i % 4 ? b.client : closed, "abc", 3), 0);
	/* It is full: those that can be sent are, and the others are kept. */
	assert_int_equal(nd_udp_queue(b.loop, closed, "abc", 3), 0);
	nd_udp_close(closed);
	b.want = ND_UDP_BATCH * 3 / 4;
	run(&b);
	assert_int_equal(b.unsent, b.want);
	assert_int_equal(b.err, -EPIPE);
	assert_int_equal(b.at_server, ND_UDP_BATCH / 4);
	close_bench(&b);
}

/* Not read: the kernel drops datagrams and counts them. */
static void test_overflow(void **state)
{
	struct bench b;
	struct nd_udp *small;
	struct nd_addr at = addr("127.0.0.1:0");
	uint8_t bytes[400] = { 0 };
	struct nd_datagram d = { .bytes = bytes, .len = sizeof bytes, .peer = &at };
	size_t sent = 0;
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	assert_int_equal(nd_udp_bind(b.loop, &at, &(struct nd_udp_options){ .buffer_bytes = 16384 },
				     &(struct nd_udp_handler){ .ctx = &b, .on_batch = count },
				     &small),
			 0);
	assert_int_equal(nd_udp_stats(small).buffer_bytes, 16384);
	assert_int_equal(nd_udp_stats(small).overflowed, 0);
	at = nd_udp_local(small);
	for (int i = 0; i < 200; i++)
		sent += nd_udp_send(b.server, &d, 1);
	assert_int_equal(sent, 200);
	assert_in_range(nd_udp_stats(small).overflowed, 1, 199);
	nd_udp_close(small);
	close_bench(&b);
}

static void test_options(void **state)
{
	struct bench b;
	struct nd_udp *a, *c;
	struct nd_addr at, far = addr("192.0.2.1:0");
	struct nd_udp_options plain = { .datagram_bytes = 512 }, shared = { .reuseport = true },
			      freebind = { .freebind = true };
	struct nd_udp_handler h = { .ctx = &b, .on_batch = count };
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	at = nd_udp_local(b.server);
	assert_int_equal(nd_udp_bind(b.loop, &at, &plain, &h, &a), -EADDRINUSE);
	nd_addr_set_port(&at, 0);
	assert_int_equal(nd_udp_bind(b.loop, &at, &shared, &h, &a), 0);
	at = nd_udp_local(a);
	assert_int_equal(nd_udp_bind(b.loop, &at, &shared, &h, &c), 0);
	assert_true(nd_udp_fd(a) >= 0 && nd_udp_fd(a) != nd_udp_fd(c));
	nd_udp_close(a);
	nd_udp_close(c);
	assert_int_equal(nd_udp_bind(b.loop, &far, &plain, &h, &a), -EADDRNOTAVAIL);
	assert_int_equal(nd_udp_bind(b.loop, &far, &freebind, &h, &a), 0);
	nd_udp_close(a);
	close_bench(&b);
}

/* An adopted descriptor keeps its queued datagrams. */
static void test_adopt(void **state)
{
	struct bench b;
	int fd;
	(void)state;

	assert_true(open_bench(&b, "127.0.0.1:0", "127.0.0.1:0", false));
	send_text(b.client, "waiting");
	fd = dup(nd_udp_fd(b.server));
	nd_udp_close(b.server);
	assert_int_equal(nd_udp_adopt(b.loop, fd, &(struct nd_udp_options){ .pktinfo = true },
				      &(struct nd_udp_handler){ .ctx = &b, .on_batch = echo },
				      &b.server),
			 0);
	b.want = 1;
	run(&b);
	assert_memory_equal(b.last, "waiting", 7);
	close_bench(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),           cmocka_unit_test(test_many),
		cmocka_unit_test(test_pause),          cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_close_in_batch), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unsendable),     cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_options),        cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_both_families),  cmocka_unit_test(test_many_sockets),
		cmocka_unit_test(test_write),          cmocka_unit_test(test_queue),
		cmocka_unit_test(test_queue_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
