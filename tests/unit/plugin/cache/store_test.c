/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the table with a plain one on random operations; concurrent writers and readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/budget.h"
#include "io/clock.h"
#include "io/thread.h"
#include "plugin/cache/store.h"
#include "wire/type.h"

#define S(n) ((uint64_t)(n)*ND_NS_PER_S)

struct answer {
	struct nd_store_head head;
	struct nd_record record[2];
	uint8_t body[64];
};

/* A body of 60 equal bytes, which makes torn copies visible. */
static struct answer make(uint8_t what, enum nd_store_kind kind, uint32_t ttl)
{
	struct answer a = { .head = { .ttl_s = ttl,
				      .until_s = ttl,
				      .kind = (uint8_t)kind,
				      .body_len = 60,
				      .body = 30,
				      .n = 2,
				      .count = { 2, 0, 0 },
				      .rcode = what } };

	memset(a.body, what, sizeof a.body);
	a.record[0] = (struct nd_record){ .owner = what, .type = ND_TYPE_A };
	a.record[1] = (struct nd_record){ .owner = what, .type = ND_TYPE_A };
	return a;
}

static struct nd_name name_of(unsigned i, struct nd_name_buf *buf)
{
	char text[64];
	struct nd_name n;

	snprintf(text, sizeof text, "name%u.cluster.local.", i);
	nd_name_parse(text, true, buf, &n);
	return n;
}

static struct nd_store_key key_of(const struct nd_store *s, unsigned i, uint8_t flags,
				  struct nd_name_buf *buf)
{
	return nd_store_key(s, name_of(i, buf), ND_TYPE_A, ND_CLASS_IN, flags);
}

static bool put(struct nd_store *s, unsigned i, uint8_t flags, struct answer a, uint64_t now)
{
	struct nd_name_buf buf;
	struct nd_store_key k = key_of(s, i, flags, &buf);

	return nd_store_put(s, 1, &k, &a.head, a.record, a.body, now) != ND_STORE_REFUSED;
}

/* The byte that fills the body found; -1: a miss. */
static int get(struct nd_store *s, unsigned i, uint8_t flags, uint64_t now)
{
	struct nd_name_buf buf;
	struct nd_store_key k = key_of(s, i, flags, &buf);
	struct nd_record record[ND_STORE_INDEXED];
	struct nd_store_hit hit;
	uint8_t body[256];

	if (nd_store_find(s, &k, now, body, sizeof body, record, &hit) != ND_STORE_LIVE)
		return -1;
	struct nd_store_head h = hit.head;
	assert_int_equal(h.body_len, 60);
	assert_int_equal(h.indexed, 2);
	for (unsigned b = 0; b < 60; b++)
		if (body[b] != body[0] || record[1].owner != body[0] || h.rcode != body[0])
			fail_msg("name %u: torn", i);
	return body[0];
}

static void test_keys_apart(void **state)
{
	struct nd_store *s = nd_store_new(512, 512, 1);
	(void)state;

	assert_true(put(s, 1, 0, make(1, ND_STORE_SUCCESS, 30), S(10)));
	assert_true(put(s, 1, ND_STORE_DO, make(2, ND_STORE_SUCCESS, 30), S(10)));
	assert_true(put(s, 1, ND_STORE_CD, make(3, ND_STORE_SUCCESS, 30), S(10)));
	assert_int_equal(get(s, 1, 0, S(11)), 1);
	assert_int_equal(get(s, 1, ND_STORE_DO, S(11)), 2);
	assert_int_equal(get(s, 1, ND_STORE_CD, S(11)), 3);
	assert_int_equal(get(s, 2, 0, S(11)), -1);
	nd_store_free(s);
}

static void test_ttl(void **state)
{
	struct nd_store *s = nd_store_new(512, 512, 1);
	(void)state;

	assert_true(put(s, 1, 0, make(1, ND_STORE_SUCCESS, 5), S(100)));
	assert_int_equal(get(s, 1, 0, S(104)), 1);
	assert_int_equal(get(s, 1, 0, S(105) - 1), 1);
	assert_int_equal(get(s, 1, 0, S(105)), -1);
	nd_store_free(s);
}

static void test_stale(void **state)
{
	struct nd_store *s = nd_store_new(512, 512, 1);
	struct answer a = make(1, ND_STORE_SUCCESS, 5);
	struct nd_name_buf buf;
	struct nd_store_key k = key_of(s, 1, 0, &buf);
	struct nd_record record[ND_STORE_INDEXED];
	struct nd_store_hit hit;
	uint8_t body[256];
	(void)state;

	a.head.until_s = 20;
	assert_true(put(s, 1, 0, a, S(100)));
	assert_int_equal(nd_store_look(s, &k, S(104)), ND_STORE_LIVE);
	assert_int_equal(nd_store_look(s, &k, S(105)), ND_STORE_STALE);
	assert_int_equal(nd_store_look(s, &k, S(120)), ND_STORE_MISS);
	assert_int_equal(nd_store_find(s, &k, S(119), body, sizeof body, record, &hit),
			 ND_STORE_STALE);
	assert_int_equal(hit.age_s, 19);
	assert_int_equal(nd_store_find(s, &k, S(120), body, sizeof body, record, &hit),
			 ND_STORE_MISS);
	/* The mark of a refresh: for one, for its time, and gone with the entry. */
	assert_true(nd_store_begin_refresh(s, hit.at, S(110), S(5)));
	assert_false(nd_store_begin_refresh(s, hit.at, S(114), S(5)));
	assert_true(nd_store_begin_refresh(s, hit.at, S(115), S(5)));
	nd_store_end_refresh(s, hit.at, 0);
	assert_true(nd_store_begin_refresh(s, hit.at, S(115), S(5)));
	nd_store_remove(s, 1, &k);
	assert_int_equal(nd_store_look(s, &k, S(104)), ND_STORE_MISS);
	assert_int_equal(get(s, 1, 0, S(104)), -1);
	nd_store_free(s);
}

static void test_hits(void **state)
{
	struct nd_store *s = nd_store_new(512, 512, 1);
	(void)state;

	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(nd_store_count_hit(s, 3, S(10 + i), S(1)), i);
	assert_int_equal(nd_store_count_hit(s, 3, S(19) + ND_MS(1001), S(1)), 1);
	for (unsigned i = 0; i < 70000; i++)
		nd_store_count_hit(s, 3, S(21), S(1));
	assert_int_equal(nd_store_count_hit(s, 3, S(21), S(1)), 65535);
	nd_store_free(s);
}

/* Of two kinds that do not fit, each keeps its share. */
static void test_shares(void **state)
{
	struct nd_store *s = nd_store_new(768, 256, 1);
	uint64_t success, denial;
	(void)state;

	for (unsigned i = 0; i < 700; i++)
		put(s, i, 0, make(1, ND_STORE_SUCCESS, 300), S(10));
	nd_store_count(s, S(10), &success, &denial);
	uint64_t before = success;
	for (unsigned i = 1000; i < 21000; i++)
		put(s, i, 0, make(2, ND_STORE_DENIAL, 300), S(10));
	nd_store_count(s, S(10), &success, &denial);
	/* Only sets with more than 12 positive answers lost some. */
	assert_in_range(success, before * 8 / 10, before);
	assert_int_equal(success + denial, 1024);
	for (unsigned i = 30000; i < 50000; i++)
		put(s, i, 0, make(3, ND_STORE_SUCCESS, 300), S(10));
	nd_store_count(s, S(10), &success, &denial);
	assert_int_equal(denial, 256);
	assert_int_equal(success, 768);
	nd_store_free(s);
}

/* With room for 100 entries in the budget there are 100, and the newest ones. */
static void test_budget(void **state)
{
	uint64_t success, denial, refused = nd_budget_refused(ND_BUDGET_CACHE);
	(void)state;

	assert_int_equal(nd_budget_used(ND_BUDGET_CACHE), 0);
	nd_budget_set(2 * 100 * ND_STORE_ENTRY); /* half of it is the cache's */
	struct nd_store *s = nd_store_new(512, 512, 1);
	for (unsigned i = 0; i < 2000; i++)
		put(s, i, 0, make(1, ND_STORE_SUCCESS, 300), S(10));
	nd_store_count(s, S(10), &success, &denial);
	assert_int_equal(success, 100);
	assert_int_equal(nd_budget_used(ND_BUDGET_CACHE), 100 * ND_STORE_ENTRY);
	assert_true(nd_budget_refused(ND_BUDGET_CACHE) > refused);
	/* Expired ones are written over. */
	for (unsigned i = 0; i < 2000; i++)
		put(s, i, 0, make(1, ND_STORE_SUCCESS, 300), S(400));
	assert_int_equal(nd_budget_used(ND_BUDGET_CACHE), 100 * ND_STORE_ENTRY);
	nd_store_free(s);
	assert_int_equal(nd_budget_used(ND_BUDGET_CACHE), 0);
	nd_budget_set(nd_budget_from_limit(0));
}

static void test_too_large(void **state)
{
	struct nd_store *s = nd_store_new(512, 512, 1);
	struct answer a = make(1, ND_STORE_SUCCESS, 30);
	struct nd_name_buf buf;
	struct nd_store_key k = key_of(s, 1, 0, &buf);
	uint8_t body[2048] = { 0 };
	(void)state;

	a.head.body_len = sizeof body;
	assert_int_equal(nd_store_put(s, 1, &k, &a.head, a.record, body, S(1)), ND_STORE_REFUSED);
	nd_store_free(s);
}

/* A hit is the answer stored last; frequently used answers outlive the others. */
static void test_model(void **state)
{
	enum { NAMES = 4000, STEPS = 60000 };
	static int model[NAMES];
	struct nd_store *s = nd_store_new(512, 512, 1);
	unsigned kept = 0, hot = 0;
	uint32_t r = 12345;
	(void)state;

	memset(model, -1, sizeof model);
	for (unsigned step = 0; step < STEPS; step++) {
		r = r * 1664525 + 1013904223;
		unsigned i = (r >> 8) % NAMES;
		/* One in twenty is read all the time, and stored again after an eviction. */
		unsigned favourite = step * 20 % NAMES;
		if (get(s, favourite, 0, S(10)) < 0 &&
		    put(s, favourite, 0, make(1, ND_STORE_SUCCESS, 300), S(10)))
			model[favourite] = 1;
		if (r >> 30 == 0) {
			int what = (int)(r >> 3 & 127);
			if (put(s, i, 0, make((uint8_t)what, ND_STORE_SUCCESS, 300), S(10)))
				model[i] = what;
		} else {
			int found = get(s, i, 0, S(10));
			if (found >= 0 && found != model[i])
				fail_msg("name %u: %d, want %d", i, found, model[i]);
		}
	}
	for (unsigned i = 0; i < NAMES; i++) {
		bool there = get(s, i, 0, S(10)) >= 0;
		kept += there;
		hot += there && i % 20 == 0;
	}
	assert_in_range(kept, 900, 1024);
	assert_in_range(hot, 150, 200); /* of 200 */
	uint64_t success, denial;
	nd_store_count(s, S(10), &success, &denial);
	assert_int_equal(success, kept);
	assert_int_equal(denial, 0);
	nd_store_free(s);
}

struct crowd {
	struct nd_store *s;
	unsigned id;
};

static void meddle(void *arg)
{
	struct crowd *c = arg;

	for (unsigned k = 0; k < 20000; k++) {
		unsigned i = (k * 7 + c->id) % 64;
		if (k % 3 == 0)
			put(c->s, i, 0, make((uint8_t)(k % 251), ND_STORE_SUCCESS, 300), S(10));
		else
			get(c->s, i, 0, S(10)); /* fails the test if torn */
	}
}

static void test_many_at_once(void **state)
{
	struct nd_store *s = nd_store_new(64, 0, 1);
	struct crowd c[4];
	struct nd_thread *t[4];
	(void)state;

	for (unsigned i = 0; i < 4; i++) {
		c[i] = (struct crowd){ s, i };
		assert_int_equal(nd_thread_start("meddler", meddle, &c[i], &t[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		nd_thread_join(t[i]);
	nd_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_apart),   cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_stale),        cmocka_unit_test(test_hits),
		cmocka_unit_test(test_shares),       cmocka_unit_test(test_budget),
		cmocka_unit_test(test_too_large),    cmocka_unit_test(test_model),
		cmocka_unit_test(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
