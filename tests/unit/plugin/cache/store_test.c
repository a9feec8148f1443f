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

static struct nd_store_evicted evicted; /* by the last put */

static bool put(struct nd_store *s, unsigned i, uint8_t flags, struct answer a, uint64_t now)
{
	struct nd_name_buf buf;
	struct nd_store_key k = key_of(s, i, flags, &buf);

	return nd_store_put(s, &k, &a.head, a.record, a.body, now, &evicted);
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
	struct nd_store *s = nd_store_new(512, 512);
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
	struct nd_store *s = nd_store_new(512, 512);
	(void)state;

	assert_true(put(s, 1, 0, make(1, ND_STORE_SUCCESS, 5), S(100)));
	assert_int_equal(get(s, 1, 0, S(104)), 1);
	assert_int_equal(get(s, 1, 0, S(105) - 1), 1);
	assert_int_equal(get(s, 1, 0, S(105)), -1);
	nd_store_free(s);
}

static void test_stale(void **state)
{
	struct nd_store *s = nd_store_new(512, 512);
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
	assert_true(nd_store_remove(s, &k));
	assert_int_equal(nd_store_look(s, &k, S(104)), ND_STORE_MISS);
	assert_int_equal(get(s, 1, 0, S(104)), -1);
	nd_store_free(s);
}

static void test_hits(void **state)
{
	struct nd_store *s = nd_store_new(512, 512);
	(void)state;

	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(nd_store_count_hit(s, 3, S(10 + i), S(1)), i);
	assert_int_equal(nd_store_count_hit(s, 3, S(19) + ND_MS(1001), S(1)), 1);
	for (unsigned i = 0; i < 70000; i++)
		nd_store_count_hit(s, 3, S(21), S(1));
	assert_int_equal(nd_store_count_hit(s, 3, S(21), S(1)), 65535);
	nd_store_free(s);
}

static void count(const struct nd_store *s, uint64_t *success, uint64_t *denial)
{
	nd_store_count(s, S(10), success, denial);
}

/* Of two kinds that do not fit, each keeps its room; one alone takes all. */
static void test_shares(void **state)
{
	struct nd_store *s = nd_store_new(768, 256);
	uint64_t success, denial, evictions = 0;
	(void)state;

	for (unsigned i = 0; i < 4000; i++)
		put(s, i, 0, make(1, ND_STORE_SUCCESS, 300), S(10));
	count(s, &success, &denial);
	assert_in_range(success, 1010, 1024); /* a full set evicts before its time */
	for (unsigned i = 10000; i < 30000; i++) {
		put(s, i, 0, make(2, ND_STORE_DENIAL, 300), S(10));
		evictions += evicted.n[ND_STORE_SUCCESS];
	}
	count(s, &success, &denial);
	assert_in_range(success, 730, 768);
	assert_in_range(success + denial, 1010, 1024);
	assert_in_range(evictions, 240, 300);
	for (unsigned i = 30000; i < 50000; i++)
		put(s, i, 0, make(3, ND_STORE_SUCCESS, 300), S(10));
	count(s, &success, &denial);
	assert_in_range(denial, 230, 256);
	assert_in_range(success + denial, 1010, 1024);
	nd_store_free(s);
}

/* Answers that are asked for outlive any number of those that are asked for once. */
static void test_floods_evict_nothing_in_use(void **state)
{
	struct nd_store *s = nd_store_new(1024, 1024);
	unsigned lost = 0;
	(void)state;

	for (unsigned round = 0; round < 3; round++) /* stored, used, and out of the small queue */
		for (unsigned i = 0; i < 500; i++)
			if (get(s, i, 0, S(10)) < 0)
				put(s, i, 0, make(1, ND_STORE_SUCCESS, 300), S(10));
	for (unsigned i = 0; i < 50000; i++) {
		put(s, 1000 + i, 0, make(2, i % 2 ? ND_STORE_DENIAL : ND_STORE_SUCCESS, 300),
		    S(10));
		if (i % 100 == 0)
			lost += get(s, i / 100 % 500, 0, S(10)) < 0;
	}
	assert_in_range(lost, 0, 15); /* by full sets */
	nd_store_free(s);
}

/* Positive answers have less than their share: denials that fill their sets evict none of them,
 * though they have not been used. Each table hashes names its own way. */
static void test_denials_evict_no_answers(void **state)
{
	(void)state;

	for (unsigned table = 0; table < 12; table++) {
		struct nd_store *s = nd_store_new(1024, 1024);
		unsigned evictions = 0;
		for (unsigned i = 0; i < 256; i++)
			put(s, i, 0, make(1, ND_STORE_SUCCESS, 300), S(10));
		for (unsigned i = 0; i < 5000; i++) {
			put(s, 1000 + i, 0, make(2, ND_STORE_DENIAL, 300), S(10));
			evictions += evicted.n[ND_STORE_SUCCESS];
		}
		assert_int_equal(evictions, 0);
		for (unsigned i = 0; i < 256; i++)
			assert_int_equal(get(s, i, 0, S(10)), 1);
		nd_store_free(s);
	}
}

/* Segments are taken from the budget until it refuses; then entries are evicted. */
static void test_budget(void **state)
{
	enum { SEGMENTS = 8, ENTRY = 192 /* bytes: the smallest here */ };
	uint64_t success, denial, refused = nd_budget_refused(ND_BUDGET_CACHE);
	(void)state;

	assert_int_equal(nd_budget_used(ND_BUDGET_CACHE), 0);
	nd_budget_set(2 * SEGMENTS * ND_STORE_SEGMENT); /* half of it is the cache's */
	struct nd_store *s = nd_store_new(16384, 16384);
	for (unsigned i = 0; i < 20000; i++)
		assert_true(put(s, i, 0, make(1, ND_STORE_SUCCESS, 300), S(10)));
	assert_int_equal(nd_store_bytes(s), SEGMENTS * ND_STORE_SEGMENT);
	assert_int_equal(nd_budget_used(ND_BUDGET_CACHE), SEGMENTS * ND_STORE_SEGMENT);
	assert_true(nd_budget_refused(ND_BUDGET_CACHE) > refused);
	count(s, &success, &denial);
	assert_in_range(success, 500, SEGMENTS * ND_STORE_SEGMENT / ENTRY);
	nd_store_free(s);
	assert_int_equal(nd_budget_used(ND_BUDGET_CACHE), 0);
	/* Not even one: nothing is stored. */
	nd_budget_set(ND_STORE_SEGMENT);
	s = nd_store_new(512, 512);
	assert_false(put(s, 1, 0, make(1, ND_STORE_SUCCESS, 300), S(10)));
	assert_int_equal(get(s, 1, 0, S(10)), -1);
	nd_store_free(s);
	nd_budget_set(nd_budget_from_limit(0));
}

/* A name whose answer changes all the time takes no more memory than one that stays. */
static void test_answers_stored_again(void **state)
{
	static uint8_t body[2000];
	struct nd_store *s = nd_store_new(16384, 16384);
	struct answer a = make(1, ND_STORE_SUCCESS, 300);
	(void)state;

	for (unsigned i = 0; i < 100000; i++) {
		a.head.body_len = 60;
		a.head.n = 2;
		put(s, i % 100, 0, a, S(10));
	}
	assert_int_equal(nd_store_bytes(s), 8 * ND_STORE_SEGMENT); /* one per shard */
	for (unsigned i = 0; i < 100000; i++) {                    /* of another length each time */
		struct nd_name_buf buf;
		struct nd_store_key k = key_of(s, i % 100, 0, &buf);
		a.head.body_len = (uint16_t)(i * 7919 % 2000);
		assert_true(nd_store_put(s, &k, &a.head, a.record, body, S(10), &evicted));
	}
	assert_in_range(nd_store_bytes(s), ND_STORE_SEGMENT, 8 * 5 * ND_STORE_SEGMENT);
	nd_store_free(s);
}

/* Bodies of any length, the longest too, beside short ones. */
static void test_sizes(void **state)
{
	static uint8_t body[ND_MSG_MAX + 1], found[ND_MSG_MAX];
	struct nd_store *s = nd_store_new(1024, 1024);
	struct answer a = make(1, ND_STORE_SUCCESS, 300);
	struct nd_record record[ND_STORE_INDEXED];
	struct nd_name_buf buf;
	struct nd_store_hit hit;
	unsigned kept = 0;
	(void)state;

	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i * 31 >> 3);
	for (unsigned i = 0; i < 400; i++) {
		size_t n = i % 20 ? i * 37 % 3000 : ND_MSG_MAX - i;
		struct nd_store_key k = key_of(s, i, 0, &buf);
		a.head.body_len = (uint16_t)n;
		assert_true(nd_store_put(s, &k, &a.head, a.record, body, S(10), &evicted));
		assert_int_equal(nd_store_find(s, &k, S(10), found, sizeof found, record, &hit),
				 ND_STORE_LIVE);
		assert_int_equal(hit.head.body_len, n);
		assert_memory_equal(found, body, n);
		/* Without room for it there is no answer. */
		if (n)
			assert_int_equal(nd_store_find(s, &k, S(10), found, n - 1, record, &hit),
					 ND_STORE_MISS);
	}
	for (unsigned i = 0; i < 400; i++) {
		struct nd_store_key k = key_of(s, i, 0, &buf);
		if (nd_store_find(s, &k, S(10), found, sizeof found, record, &hit) == ND_STORE_MISS)
			continue;
		kept++;
		assert_memory_equal(found, body, hit.head.body_len);
	}
	assert_in_range(kept, 300, 400);
	assert_true(nd_store_bytes(s) <= 2048 * ND_STORE_ENTRY);
	nd_store_free(s);
}

static void sum_up(void *ctx, const struct nd_store_entry *e)
{
	unsigned *seen = ctx;
	struct nd_name_buf buf;
	struct nd_name want = name_of(e->head->rcode, &buf);

	assert_true(nd_name_equal(e->name, want));
	assert_int_equal(e->head->indexed, 2);
	assert_int_equal(e->record[1].owner, e->head->rcode);
	assert_int_equal(e->body[59], e->head->rcode);
	seen[e->head->rcode]++;
}

static void test_walk(void **state)
{
	_Alignas(8) static uint8_t scratch[ND_STORE_SEGMENT];
	struct nd_store *s = nd_store_new(512, 512);
	unsigned seen[256] = { 0 };
	(void)state;

	for (unsigned i = 0; i < 200; i++)
		put(s, i, 0,
		    make((uint8_t)i, i % 2 ? ND_STORE_SUCCESS : ND_STORE_DENIAL, 5 + i % 3), S(10));
	nd_store_walk(s, S(15), scratch, sum_up, seen);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(seen[i], i < 200 && i % 3 != 0);
	nd_store_free(s);
}

/* A hit is the answer stored last, whatever moves, leaves and comes back meanwhile. */
static void test_model(void **state)
{
	enum { NAMES = 4000, STEPS = 200000 };
	static struct {
		int what;
		uint64_t stored_ns;
	} model[NAMES];
	struct nd_store *s = nd_store_new(512, 512);
	uint64_t now = S(10), success, denial;
	unsigned kept = 0;
	uint32_t r = 12345;
	(void)state;

	for (unsigned i = 0; i < NAMES; i++)
		model[i].what = -1;
	for (unsigned step = 0; step < STEPS; step++) {
		struct nd_name_buf buf;
		r = r * 1664525 + 1013904223;
		unsigned i = (r >> 8) % ((r >> 4 & 3) ? 300 : NAMES);
		int what = (int)(r >> 3 & 127);
		struct answer a = make((uint8_t)what, what & 1 ? ND_STORE_DENIAL : ND_STORE_SUCCESS,
				       300);
		struct nd_store_key k = key_of(s, i, 0, &buf);
		now += ND_MS(10);
		if (r >> 30 == 0) {
			a.head.until_s = 300 + (unsigned)what;
			if (nd_store_put(s, &k, &a.head, a.record, a.body, now, &evicted)) {
				model[i].what = what;
				model[i].stored_ns = now;
			}
		} else if (r >> 24 == 255) {
			assert_true(nd_store_remove(s, &k));
			assert_int_equal(get(s, i, 0, now), -1);
			model[i].what = -1;
		} else {
			int found = get(s, i, 0, now);
			if (found >= 0 &&
			    (found != model[i].what || now - model[i].stored_ns >= S(300)))
				fail_msg("name %u: %d, want %d", i, found, model[i].what);
		}
	}
	for (unsigned i = 0; i < NAMES; i++)
		kept += get(s, i, 0, now) >= 0;
	nd_store_count(s, now, &success, &denial);
	assert_in_range(kept, 700, 1024);
	assert_in_range(success + denial, kept, 1024);
	nd_store_free(s);
}

enum { CROWD_BODY = 4000, CROWD_STEPS = 15000, CROWD_HITS = 1000 };

struct crowd {
	struct nd_store *s;
	unsigned id, hits, torn;
};

/* Long bodies of one byte: a copy takes some time, and shows if it is torn. */
static void look(struct crowd *c, const struct nd_store_key *key)
{
	struct nd_record record[ND_STORE_INDEXED];
	uint8_t body[CROWD_BODY];
	struct nd_store_hit hit;

	if (nd_store_find(c->s, key, S(10), body, sizeof body, record, &hit) == ND_STORE_MISS)
		return;
	c->hits++;
	c->torn += record[0].owner != hit.head.rcode || record[1].owner != hit.head.rcode;
	for (unsigned i = 0; i < hit.head.body_len; i++)
		if (body[i] != hit.head.rcode) {
			c->torn++;
			break;
		}
}

/* Few names and little room: entries are overwritten, moved and evicted all the time. While a
 * writer is preempted, the others find little: a thread continues until it has found enough. */
static void meddle(void *arg)
{
	struct crowd *c = arg;

	for (unsigned k = 0; k < CROWD_STEPS || (c->hits <= CROWD_HITS && k < 1000 * CROWD_STEPS);
	     k++) {
		unsigned i = k & 16 ? (k * 7 + c->id) % 300 : k % 4;
		struct answer a = make((uint8_t)(k % 251), ND_STORE_SUCCESS, 300);
		uint8_t body[CROWD_BODY];
		struct nd_name_buf buf;
		struct nd_store_key key = key_of(c->s, i, 0, &buf);
		struct nd_store_evicted e;
		memset(body, a.head.rcode, sizeof body);
		a.head.body_len = (uint16_t)(CROWD_BODY - k % 3 * 1700);
		if (k % 3 == 0)
			nd_store_put(c->s, &key, &a.head, a.record, body, S(10), &e);
		else if (k % 1000 == 1)
			(void)nd_store_remove(c->s, &key);
		else
			look(c, &key);
	}
}

static void test_many_at_once(void **state)
{
	struct nd_store *s = nd_store_new(100, 0);
	struct nd_thread *t[4];
	struct crowd c[4];
	(void)state;

	for (unsigned i = 0; i < 4; i++) {
		c[i] = (struct crowd){ .s = s, .id = i };
		assert_int_equal(nd_thread_start("meddler", meddle, &c[i], &t[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		nd_thread_join(t[i]);
		assert_int_equal(c[i].torn, 0);
		assert_true(c[i].hits > CROWD_HITS);
	}
	nd_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_apart),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_hits),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_floods_evict_nothing_in_use),
		cmocka_unit_test(test_denials_evict_no_answers),
		cmocka_unit_test(test_answers_stored_again),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
