/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/heap.h"

enum { NODES = 64, STEPS = 20000 };

struct item {
	struct nd_heap_node node;
	uint64_t added; /* the model's order of insertion */
};

/* The model: a linear search. */
static struct item *smallest(struct item *items)
{
	struct item *best = NULL;

	for (int i = 0; i < NODES; i++) {
		struct item *it = &items[i];
		if (it->node.linked &&
		    (!best || it->node.key < best->node.key ||
		     (it->node.key == best->node.key && it->added < best->added)))
			best = it;
	}
	return best;
}

static void test_against_model(void **state)
{
	static struct item items[NODES];
	struct nd_heap h = { 0 };
	uint64_t seed = 88172645463325252u, added = 0;
	(void)state;

	for (int step = 0; step < STEPS; step++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		struct item *it = &items[seed % NODES];
		struct nd_heap_node *first = nd_heap_first(&h);
		struct item *want = smallest(items);
		if (first != (want ? &want->node : NULL))
			fail_msg("step %d: a wrong first", step);
		if (it->node.linked || (seed >> 32) % 8 == 0) {
			nd_heap_del(&h, &it->node); /* no effect if it is not linked */
			assert_false(it->node.linked);
		} else {
			it->added = added++;
			nd_heap_add(&h, &it->node, (seed >> 40) % 16); /* many equal keys */
			assert_true(it->node.linked);
		}
	}
}

static void test_sorts(void **state)
{
	static const uint64_t keys[] = { 5, 1, UINT64_MAX, 3, 3, 0, 1 };
	static const int order[] = { 5, 1, 6, 3, 4, 0, 2 };
	struct nd_heap_node nodes[ND_COUNT(keys)] = { 0 };
	struct nd_heap h = { 0 };
	(void)state;

	assert_null(nd_heap_first(&h));
	for (size_t i = 0; i < ND_COUNT(keys); i++)
		nd_heap_add(&h, &nodes[i], keys[i]);
	for (size_t i = 0; i < ND_COUNT(order); i++) {
		assert_ptr_equal(nd_heap_first(&h), &nodes[order[i]]);
		nd_heap_del(&h, nd_heap_first(&h));
	}
	assert_null(nd_heap_first(&h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_sorts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
