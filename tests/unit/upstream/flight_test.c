/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "upstream/flight.h"

/* Compares the table with a plain array, indexed by id. */
static void test_against_a_model(void **state)
{
	enum { N = 600, STEPS = 20000 };
	static struct nd_flight flight[N];
	static struct nd_flight *owner[65536];
	struct nd_list bucket[16];
	struct nd_flights t;
	unsigned under_way = 0;
	(void)state;

	srand(7);
	nd_flights_init(&t, bucket, ND_COUNT(bucket));
	for (unsigned step = 0; step < STEPS; step++) {
		struct nd_flight *f = &flight[rand() % N];
		if (f->table) {
			assert_ptr_equal(nd_flights_find(&t, f->id), f);
			owner[f->id] = NULL;
			nd_flights_del(f);
			under_way--;
		} else {
			assert_true(nd_flights_add(&t, f));
			assert_null(owner[f->id]);
			owner[f->id] = f;
			under_way++;
		}
		uint16_t id = (uint16_t)rand();
		assert_ptr_equal(nd_flights_find(&t, id), owner[id]);
		assert_int_equal(t.n, under_way);
	}
}

static void test_full(void **state)
{
	static struct nd_flight flight[ND_FLIGHTS_MAX + 1];
	struct nd_list bucket[16];
	struct nd_flights t;
	(void)state;

	nd_flights_init(&t, bucket, ND_COUNT(bucket));
	for (unsigned i = 0; i < ND_FLIGHTS_MAX; i++)
		assert_true(nd_flights_add(&t, &flight[i]));
	assert_false(nd_flights_add(&t, &flight[ND_FLIGHTS_MAX]));

	nd_flights_del(&flight[5]);
	nd_flights_del(&flight[5]); /* not in the table: no effect */
	assert_int_equal(t.n, ND_FLIGHTS_MAX - 1);
	assert_null(nd_flights_find(&t, flight[5].id));
	assert_true(nd_flights_is_recent(&t, flight[ND_FLIGHTS_MAX - ND_FLIGHTS_PAST].id));
	assert_false(nd_flights_is_recent(&t, flight[0].id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_model),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
