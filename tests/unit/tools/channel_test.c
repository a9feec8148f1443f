/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of others, which are ignored, and the deadline. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "io/clock.h"
#include "tools/bench/channel.h"
#include "wire/type.h"

struct scene {
	struct nd_stats stats;
	struct nd_channel ch;
	struct nd_question q;
	struct nd_addr server;
	int server_fd, fd;
};

static struct nd_addr local_addr(int fd)
{
	struct nd_addr a = { .len = sizeof a.in6 };

	assert_int_equal(getsockname(fd, &a.sa, &a.len), 0);
	return a;
}

static void open_scene(struct scene *s)
{
	const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct nd_name_buf buf;
	struct nd_name name;

	s->server = nd_addr_from(AF_INET, loopback, 0);
	s->server_fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(s->server_fd, &s->server.sa, s->server.len), 0);
	s->server = local_addr(s->server_fd);
	nd_stats_init(&s->stats, ND_S(5));
	s->ch = (struct nd_channel){ .stop_fd = -1, .stats = &s->stats };
	assert_int_equal(nd_name_parse("www.test", false, &buf, &name), 0);
	nd_question_init(&s->q, name, ND_TYPE_A, (struct nd_question_options){ 0 });
	s->fd = nd_channel_connect(&s->ch, &s->server);
	assert_true(s->fd >= 0);
}

static void close_scene(struct scene *s)
{
	close(s->fd);
	close(s->server_fd);
}

/* The server sends n messages: the answer if i is `good`, else garbage. */
static void send_messages(struct scene *s, unsigned n, unsigned good)
{
	struct nd_addr client = local_addr(s->fd);
	uint8_t bytes[ND_QUESTION_BYTES];

	memcpy(bytes, s->q.bytes + 2, s->q.len);
	bytes[2] |= 0x80; /* QR */
	for (unsigned i = 0; i < n; i++) {
		size_t len = i == good ? s->q.len : 5;
		assert_int_equal(sendto(s->server_fd, bytes, len, 0, &client.sa, client.len), len);
	}
}

static unsigned count_queued(const struct scene *s)
{
	uint8_t byte;
	unsigned n = 0;

	while (recv(s->fd, &byte, 1, MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

static void test_garbage_ends_at_the_deadline(void **state)
{
	struct scene s;
	(void)state;

	open_scene(&s);
	send_messages(&s, 20, 20);
	uint64_t now = nd_clock_now_ns();
	assert_int_equal(nd_channel_wait(&s.ch, s.fd, &s.q, 1, now, NULL, NULL), -ETIMEDOUT);
	assert_in_range(count_queued(&s), 1, 19);
	send_messages(&s, 20, 20);
	now = nd_clock_now_ns() + ND_MS(20);
	assert_int_equal(nd_channel_wait(&s.ch, s.fd, &s.q, 1, now, NULL, NULL), -ETIMEDOUT);
	assert_true(nd_clock_now_ns() >= now);
	close_scene(&s);
}

static void test_garbage_of_others(void **state)
{
	const uint8_t elsewhere[4] = { 192, 0, 2, 1 };
	const struct nd_addr other = nd_addr_from(AF_INET, elsewhere, 53);
	const struct nd_channel_peers peers = { &other, 1 };
	struct scene s;
	unsigned from;
	(void)state;

	open_scene(&s);
	send_messages(&s, 20, 20);
	assert_int_equal(nd_channel_wait(&s.ch, s.fd, &s.q, 1, 0, &peers, &from), -ETIMEDOUT);
	assert_in_range(count_queued(&s), 1, 19);
	close_scene(&s);
}

static void test_answers(void **state)
{
	struct scene s;
	(void)state;

	open_scene(&s);
	send_messages(&s, 20, 10); /* after garbage, in time */
	uint64_t end = nd_clock_now_ns() + ND_S(10);
	assert_int_equal(nd_channel_wait(&s.ch, s.fd, &s.q, 1, end, NULL, NULL), 0);
	assert_true(s.q.answered);
	count_queued(&s);
	nd_question_reset(&s.q, false);
	send_messages(&s, 1, 0); /* it was in time, and the client was late */
	assert_int_equal(nd_channel_wait(&s.ch, s.fd, &s.q, 1, 0, NULL, NULL), 0);
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage_ends_at_the_deadline),
		cmocka_unit_test(test_garbage_of_others),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
