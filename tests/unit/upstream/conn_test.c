/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement of connections, and the choice of one, among some that exist only as state. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/time.h"
#include "upstream/pool_parts.h"

enum { CONNS = ND_POOL_DOUBTED_MAX + 8, OPEN = -1, NONE = -2 };

static struct nd_host *host;
static struct nd_host_stats *stats;
static struct nd_pool pool;
static struct nd_conn conn[CONNS];
static struct nd_list bucket[CONNS][16];
static struct nd_sent sent[CONNS][4];
static const uint8_t message[12];

static int setup(void **state)
{
	struct nd_host_config c = { .expire_ns = ND_S(10) };
	const uint8_t four[4] = { 127, 0, 0, 1 };
	(void)state;

	c.addr = nd_addr_from(AF_INET, four, 53);
	stats = nd_host_stats_new(&c.addr, 1);
	host = nd_host_new(&c, stats, 1);
	memset(&pool, 0, sizeof pool);
	memset(conn, 0, sizeof conn);
	memset(sent, 0, sizeof sent);
	pool.host = host;
	pool.loop = nd_loop_new();
	pool.counts = &stats->worker[0];
	pool.rtt[0] = pool.rtt[1] = (struct nd_rtt){ ND_MS(1), ND_MS(1) };
	nd_list_init(&pool.sockets);
	nd_list_init(&pool.streams);
	nd_list_init(&pool.moving);
	for (unsigned i = 0; i < CONNS; i++) {
		nd_conn_init(&conn[i], &pool, true, bucket[i], 16);
		conn[i].open_ns = conn[i].created_ns;
		for (unsigned k = 0; k < 4; k++)
			sent[i][k].pool = &pool;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;

	nd_host_free(host);
	free(stats);
	nd_loop_free(pool.loop);
	return 0;
}

static uint64_t now(void)
{
	return nd_loop_now_ns(pool.loop);
}

/* --- the judgement --- */

/* It has been silent for this time; then a query is sent on it. */
static void send_after(struct nd_conn *c, struct nd_sent *s, uint64_t ns)
{
	c->heard_ns = now() - ns;
	assert_true(nd_conn_add(c, s));
}

static void test_silent_is_doubted(void **state)
{
	uint64_t again;
	(void)state;

	send_after(&conn[0], &sent[0][0], ND_MS(1));
	assert_int_equal(nd_pool_check(&sent[0][0], ND_MS(20), &again), ND_POOL_SILENT);
	assert_false(nd_pool_is_trusted(&sent[0][0]));
	assert_int_equal(pool.ndoubted[1], 1);
	nd_conn_hear(&conn[0]);
	assert_true(nd_pool_is_trusted(&sent[0][0]));
	assert_int_equal(pool.ndoubted[1], 0);
}

/* A query that waits while later ones are answered has a slow name. */
static void test_one_that_delivers_is_not_doubted(void **state)
{
	uint64_t again;
	(void)state;

	send_after(&conn[0], &sent[0][0], ND_MS(1));
	sent[0][0].sent_ns -= ND_S(1);
	conn[0].heard_ns = sent[0][0].sent_ns + ND_MS(500);
	assert_int_equal(nd_pool_check(&sent[0][0], ND_MS(20), &again), ND_POOL_ALIVE);
	assert_true(nd_pool_is_trusted(&sent[0][0]));
}

static void test_few_are_doubted(void **state)
{
	const unsigned last = ND_POOL_DOUBTED_MAX;
	(void)state;

	for (unsigned i = 0; i < last; i++) {
		send_after(&conn[i], &sent[i][0], 0);
		assert_true(nd_conn_doubt(&conn[i]));
	}
	send_after(&conn[last], &sent[last][0], 0);
	assert_false(nd_conn_doubt(&conn[last]));
	/* None of them was closed: their names may be slow. */
	for (unsigned i = 0; i < last; i++)
		assert_ptr_equal(conn[i].pool, &pool);
	/* One that was abandoned is not undecided. */
	nd_conn_abandon(&conn[3]);
	assert_true(nd_conn_doubt(&conn[last]));
}

static void test_fewer_if_all_is_silent(void **state)
{
	unsigned n = 0;
	(void)state;

	pool.timers_in_row = ND_POOL_SUSPECT;
	for (unsigned i = 0; i < CONNS; i++) {
		send_after(&conn[i], &sent[i][0], 0);
		n += nd_conn_doubt(&conn[i]);
	}
	assert_int_equal(n, ND_POOL_DOUBTED_SUSPECT);
}

/* With several queries on it, it was slow with all: in order. */
static void test_held_up_by_a_slow_name(void **state)
{
	(void)state;

	send_after(&conn[0], &sent[0][0], 0);
	send_after(&conn[0], &sent[0][1], 0);
	nd_conn_abandon(&conn[0]);
	assert_int_equal(pool.ndoubted[1], 1);
	assert_false(nd_host_is_single(host, now()));
	nd_conn_hear(&conn[0]);
	assert_true(nd_host_is_single(host, now()));
	assert_int_equal(pool.ndoubted[1], 0);
}

static void test_mute(void **state)
{
	struct nd_conn *c = &conn[0];
	(void)state;

	c->open_ns -= ND_S(2);
	send_after(c, &sent[0][0], ND_S(1));
	c->waits_ns -= ND_MS(30);
	assert_false(nd_conn_is_mute(c)); /* one name may be slow */
	send_after(c, &sent[0][1], ND_S(1));
	assert_true(nd_conn_is_mute(c));
	pool.rtt[1].low_ns = ND_MS(10); /* a far server */
	assert_false(nd_conn_is_mute(c));
	pool.rtt[1].low_ns = ND_MS(1);
	nd_conn_hear(c);
	assert_false(nd_conn_is_mute(c));
}

/* --- the choice --- */

static void add(unsigned i, unsigned queries)
{
	for (unsigned k = 0; k < queries; k++)
		assert_true(nd_conn_add(&conn[i], &sent[i][k]));
}

/* Only the first n exist; they have answered before, the last one last. */
static void use(unsigned n)
{
	for (unsigned i = 0; i < CONNS; i++) {
		conn[i].answers = conn[i].taken = conn[i].heard_taken = 5;
		conn[i].created_ns = conn[i].open_ns = now() - ND_S(1);
		conn[i].heard_ns = now() - ND_MS(100) + ND_MS(i);
		if (i >= n)
			nd_list_del(&conn[i].link);
	}
}

static int pick(const struct nd_pool_way *way)
{
	int err = 0;
	struct nd_conn *c = nd_pipeline_pick(&pool, way, &err);

	return c ? (int)(c - conn) : err ? NONE : OPEN;
}

static void test_order_unknown(void **state)
{
	struct nd_pool_way way = { .tcp = true, .bytes = message };
	(void)state;

	use(3);
	add(2, 2);
	add(1, 1);
	add(0, 2);
	assert_int_equal(pick(&way), 1); /* fewest queries */
}

static void test_where_answers_overtake(void **state)
{
	struct nd_pool_way way = { .tcp = true, .bytes = message };
	(void)state;

	use(3);
	add(2, 2);
	pool.overtook_ns = now();
	assert_int_equal(pick(&way), 2); /* the last one heard from */
	assert_true(nd_conn_doubt(&conn[2]));
	assert_int_equal(pick(&way), 1);
}

static void test_one_query_each(void **state)
{
	struct nd_pool_way way = { .tcp = true, .bytes = message };
	(void)state;

	use(2);
	nd_host_mark_single(host, now());
	add(1, 1);
	assert_int_equal(pick(&way), 0);
	add(0, 1);
	assert_int_equal(pick(&way), OPEN);
}

/* Where answers overtake each other a doubt changes nothing for the others; else a slow name may
 * have held it up, and each query gets a connection. */
static void test_doubts(void **state)
{
	struct nd_pool_way way = { .tcp = true, .bytes = message };
	(void)state;

	use(2);
	add(0, 1);
	add(1, 1);
	pool.ndoubted[1] = 1;
	assert_int_equal(pick(&way), OPEN);
	pool.overtook_ns = now();
	assert_int_equal(pick(&way), 1);
}

static void test_repetition(void **state)
{
	struct nd_pool_way way = { .tcp = true, .bytes = message };
	(void)state;

	use(3);
	pool.overtook_ns = now();
	way.since_ns = now() - ND_MS(50);
	assert_int_equal(pick(&way), OPEN); /* none was heard from since */
	conn[1].heard_ns = now();
	assert_int_equal(pick(&way), 1);
	sent[1][0].bytes = message;
	add(1, 1);
	conn[1].answers++;                  /* owes none */
	assert_int_equal(pick(&way), OPEN); /* the query is on it already */
}

/* A silent server gets few new connections at a time. */
static void test_silent_server(void **state)
{
	struct nd_pool_way way = { .tcp = true, .since_ns = 1, .bytes = message };
	(void)state;

	use(10);
	for (unsigned i = 0; i < 10; i++) {
		conn[i].created_ns = now();
		conn[i].answers = conn[i].taken = 0;
		conn[i].heard_ns = 0;
		add(i, 1 + (i != 4));
	}
	assert_int_equal(pick(&way), OPEN);
	pool.timers_in_row = ND_POOL_SUSPECT;
	assert_int_equal(pick(&way), 4); /* the one with the fewest queries */
}

static void test_limit_of_the_server(void **state)
{
	(void)state;

	use(3);
	conn[1].answers = 0;
	conn[1].heard_ns = 0;
	conn[1].created_ns = now();
	/* Refused, while no older one has delivered since: the server restarts. */
	nd_pipeline_learn(&conn[1], -ECONNRESET, true);
	assert_int_equal(pool.stream_limit, 0);
	conn[0].heard_ns = conn[1].created_ns + 1;
	nd_pipeline_learn(&conn[1], -ECONNRESET, true);
	assert_int_equal(pool.stream_limit, 2);
	/* One that worked ends: there is room again. */
	nd_pipeline_learn(&conn[0], 0, true);
	assert_int_equal(pool.stream_limit, 0);
}

static void test_refused(void **state)
{
	struct nd_pool_way way = { .tcp = true, .bytes = message };
	(void)state;

	use(1);
	add(0, 1);
	assert_true(nd_conn_doubt(&conn[0]));
	pool.refused_until_ns = now() + ND_S(1);
	assert_int_equal(pick(&way), 0); /* better than none */
	nd_list_del(&conn[0].link);
	assert_int_equal(pick(&way), NONE);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_silent_is_doubted),
		ROW(test_one_that_delivers_is_not_doubted),
		ROW(test_few_are_doubted),
		ROW(test_fewer_if_all_is_silent),
		ROW(test_held_up_by_a_slow_name),
		ROW(test_mute),
		ROW(test_order_unknown),
		ROW(test_where_answers_overtake),
		ROW(test_one_query_each),
		ROW(test_doubts),
		ROW(test_repetition),
		ROW(test_silent_server),
		ROW(test_limit_of_the_server),
		ROW(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
