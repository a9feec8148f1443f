/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/slab.h"

enum { BYTES = 300, N = 2000 };

/* Objects do not overlap; chunks come and go with them; the budget shows it. */
static void test_random_order(void **state)
{
	static uint8_t *object[N];
	struct nd_slab s;
	uint32_t most = 0;
	(void)state;

	srand(3);
	nd_slab_init(&s, BYTES, ND_BUDGET_EXCHANGES);
	for (unsigned step = 0; step < 40000; step++) {
		/* The number rises in the first half and falls in the second one. */
		unsigned i = (unsigned)rand() % N;
		bool take = rand() % 3 != (step < 20000 ? 0 : 1) &&
			    (step < 20000 || rand() % 3 == 0);
		if (take && !object[i]) {
			object[i] = nd_slab_take(&s);
			assert_non_null(object[i]);
			assert_int_equal((uintptr_t)object[i] % _Alignof(max_align_t), 0);
			memset(object[i], (int)(i % 251), BYTES);
		} else if (!take && object[i]) {
			for (unsigned b = 0; b < BYTES; b++)
				assert_int_equal(object[i][b], i % 251);
			nd_slab_give(&s, object[i]);
			object[i] = NULL;
		}
		most = s.nchunks > most ? s.nchunks : most;
		assert_int_equal(nd_budget_used(ND_BUDGET_EXCHANGES), s.nchunks * ND_SLAB_CHUNK);
	}
	assert_true(most >= N / 2 / s.per_chunk);
	for (unsigned i = 0; i < N; i++)
		nd_slab_give(&s, object[i]);
	assert_int_equal(s.nchunks, 1); /* all but one are gone */
	nd_slab_clear(&s);
	assert_int_equal(nd_budget_used(ND_BUDGET_EXCHANGES), 0);
}

static void test_budget(void **state)
{
	struct nd_slab s;
	void *object[1000];
	unsigned n = 0;
	(void)state;

	nd_budget_set(16 * ND_SLAB_CHUNK); /* a quarter of it is for exchanges */
	nd_slab_init(&s, BYTES, ND_BUDGET_EXCHANGES);
	while ((object[n] = nd_slab_take(&s)))
		n++;
	assert_int_equal(n, 4 * s.per_chunk);
	nd_slab_give(&s, object[7]);
	object[7] = nd_slab_take(&s);
	assert_non_null(object[7]);
	assert_null(nd_slab_take(&s));
	while (n)
		nd_slab_give(&s, object[--n]);
	nd_slab_clear(&s);
	nd_budget_set(nd_budget_from_limit(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_order),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
