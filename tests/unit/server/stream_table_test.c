/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/budget.h"
#include "base/time.h"
#include "server/stream_table.h"

enum { MAX = 64 };

static struct nd_stream_table table;
static struct nd_stream_node node[MAX];
static uint64_t now;

static int open_table(void **state)
{
	struct nd_siphash_key key = { 1, 2 };

	(void)state;
	now = ND_S(100);
	memset(node, 0, sizeof node);
	return nd_stream_table_init(&table, MAX, 1 << 20, &key);
}

static int close_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < MAX; i++)
		nd_stream_table_del(&table, &node[i]);
	assert_int_equal(nd_budget_used(ND_BUDGET_STREAMS), 0);
	nd_stream_table_clear(&table);
	return 0;
}

static struct nd_addr client(unsigned n)
{
	uint8_t ip[4] = { 10, 0, (uint8_t)(n >> 8), (uint8_t)n };

	return nd_addr_from(AF_INET, ip, 1000);
}

/* Node i of client n, 1 s after the one before. */
static void add(size_t i, unsigned n)
{
	struct nd_addr peer = client(n);

	now += ND_S(1);
	assert_true(nd_stream_table_add(&table, &node[i], &peer, now));
}

static long victim(void)
{
	struct nd_stream_node *n = nd_stream_table_victim(&table, now + ND_S(1));

	return n ? n - node : -1;
}

static void take(long i)
{
	nd_stream_table_del(&table, &node[i]);
}

static void test_empty(void **state)
{
	(void)state;
	assert_int_equal(victim(), -1);
	assert_null(nd_stream_table_heaviest(&table));
}

/* Of the client with the most connections, the longest idle; then of the others, by age. */
static void test_most_connections_first(void **state)
{
	static const long order[] = { 1, 2, 0, 5, 3, 4 };

	(void)state;
	add(0, 7);
	for (size_t i = 1; i < 4; i++)
		add(i, 8);
	add(4, 9);
	add(5, 7);
	/* 8 has three; then 7 and 8 have two each, and 7's were added first. */
	assert_int_equal(victim(), order[0]);
	take(1);
	assert_int_equal(victim(), 0);
	take(0);
	assert_int_equal(victim(), 2);
	take(2);
	for (int left = 3; left > 0; left--) {
		long v = victim();
		assert_true(v == 3 || v == 4 || v == 5);
		take(v);
	}
	assert_int_equal(victim(), -1);
}

/* A question makes a connection the last of its client. */
static void test_touch(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		add(i, 1);
	nd_stream_table_touch(&table, &node[0], now += ND_S(1));
	assert_int_equal(victim(), 1);
}

/* A question makes its client the last of those with as many connections. */
static void test_touch_client(void **state)
{
	(void)state;
	add(0, 1);
	add(1, 2);
	nd_stream_table_touch(&table, &node[0], now += ND_S(1));
	assert_int_equal(victim(), 1);
}

static void test_busy_ranks_last(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		add(i, 1);
		nd_stream_table_set_busy(&table, &node[i], true);
	}
	add(4, 2);
	assert_int_equal(victim(), 4);
	nd_stream_table_set_busy(&table, &node[2], false);
	assert_int_equal(victim(), 2);
	take(2);
	take(4);
	assert_int_equal(victim(), 0); /* all are busy */
}

/* More than a quarter of the table, busy or not: the client makes room itself. */
static void test_share(void **state)
{
	(void)state;
	add(63, 2);
	for (size_t i = 0; i <= MAX / ND_STREAM_TABLE_SHARE; i++) {
		add(i, 1);
		nd_stream_table_set_busy(&table, &node[i], true);
	}
	assert_int_equal(victim(), 0);
	take(0);
	assert_int_equal(victim(), 63);
}

/* A new connection is spared while there is another choice, also among its own client's. */
static void test_grace(void **state)
{
	struct nd_addr peer = client(2);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		add(i, 1);
		nd_stream_table_set_busy(&table, &node[i], true);
	}
	assert_true(nd_stream_table_add(&table, &node[4], &peer, now));
	assert_ptr_equal(nd_stream_table_victim(&table, now), &node[0]);
	nd_stream_table_del(&table, &node[4]);
	peer = client(1);
	assert_true(nd_stream_table_add(&table, &node[4], &peer, now));
	assert_ptr_equal(nd_stream_table_victim(&table, now), &node[0]);
	assert_ptr_equal(nd_stream_table_victim(&table, now + ND_S(1)), &node[4]);
}

/* IPv4-mapped addresses are IPv4; ports do not matter. */
static void test_same_client(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	struct nd_addr a = nd_addr_from(AF_INET6, mapped, 5);

	(void)state;
	add(0, 2);
	add(1, 1);
	assert_true(nd_stream_table_add(&table, &node[2], &a, now));
	assert_int_equal(victim(), 1); /* of the client with two */
}

static void test_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		add(i, 1);
	assert_true(nd_stream_table_hold(&table, &node[0], 1000));
	assert_true(nd_stream_table_hold(&table, &node[1], 300000));
	assert_true(nd_stream_table_hold(&table, &node[2], 70000));
	assert_int_equal(nd_budget_used(ND_BUDGET_STREAMS), 371000);
	assert_ptr_equal(nd_stream_table_heaviest(&table), &node[1]);
	/* Over the table's share: nothing changes. */
	assert_false(nd_stream_table_hold(&table, &node[0], 1 << 20));
	assert_int_equal(node[0].held, 1000);
	assert_true(nd_stream_table_hold(&table, &node[1], 2000));
	assert_ptr_equal(nd_stream_table_heaviest(&table), &node[2]);
	assert_true(nd_stream_table_hold(&table, &node[0], 900000));
	take(0);
	assert_int_equal(nd_budget_used(ND_BUDGET_STREAMS), 72000);
	assert_int_equal(table.held, 72000);
}

/* Against a plain search, over random changes: the victim is of the client with the most
 * connections among those that have an idle one, or of a client over its share. */
static void test_random(void **state)
{
	unsigned number[8] = { 0 }, idle[8] = { 0 }, of[MAX];

	(void)state;
	srand(7);
	for (unsigned step = 0; step < 20000; step++) {
		size_t i = (size_t)(rand() % MAX);
		if (!node[i].client) {
			of[i] = (unsigned)(rand() % 8);
			add(i, of[i]);
			number[of[i]]++;
			idle[of[i]]++;
		} else if (rand() % 3 == 0) {
			idle[of[i]] -= !node[i].busy;
			number[of[i]]--;
			take((long)i);
		} else if (rand() % 2) {
			nd_stream_table_touch(&table, &node[i], now += ND_S(1));
		} else {
			idle[of[i]] += node[i].busy ? 1u : -1u;
			nd_stream_table_set_busy(&table, &node[i], !node[i].busy);
		}
		unsigned most = 0, most_idle = 0;
		for (unsigned n = 0; n < 8; n++) {
			most = number[n] > most ? number[n] : most;
			most_idle = idle[n] && number[n] > most_idle ? number[n] : most_idle;
		}
		long v = victim();
		assert_int_equal(v < 0, most == 0);
		if (v < 0)
			continue;
		if (most > MAX / ND_STREAM_TABLE_SHARE || !most_idle) {
			assert_int_equal(number[of[v]], most);
		} else {
			assert_int_equal(number[of[v]], most_idle);
			assert_false(node[v].busy);
		}
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_table, close_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),           TEST(test_most_connections_first),
		TEST(test_touch),           TEST(test_touch_client),
		TEST(test_busy_ranks_last), TEST(test_share),
		TEST(test_grace),           TEST(test_same_client),
		TEST(test_memory),          TEST(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
