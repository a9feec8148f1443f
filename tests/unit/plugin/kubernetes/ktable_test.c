/* SPDX-License-Identifier: Apache-2.0 */
/* Scans by cursor: nodes that stay are visited, whatever is added, removed or resized in
 * between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/rcu.h"
#include "plugin/kubernetes/ktable.h"

enum { STAY = 500, OTHERS = 3000 };

struct item {
	struct nd_knode node;
	char name[16];
	unsigned seen;
};

static const struct nd_siphash_key key = { 1, 2 };
static struct nd_kmemory memory = { .max = 1 << 24 };
static struct item stay[STAY], others[OTHERS];

static void add(struct nd_ktable *t, struct item *it, const char *kind, int i)
{
	snprintf(it->name, sizeof it->name, "%s%d", kind, i);
	it->node = (struct nd_knode){ .name = it->name, .len = (uint8_t)strlen(it->name) };
	it->node.hash = nd_ktable_hash(&key, NULL, it->name, it->node.len);
	it->seen = 0;
	assert_int_equal(nd_ktable_add(t, &it->node), 0);
}

static void visit(void *ctx, const struct nd_knode *node)
{
	(void)ctx;
	((struct item *)(uintptr_t)node)->seen++;
}

/* Adds and removes names until the array is rebuilt smaller. */
static void churn(struct nd_ktable *t)
{
	static struct item it;
	const struct nd_kslots *before = t->now;

	for (int i = 0; t->now == before; i++) {
		add(t, &it, "c", i);
		nd_ktable_del(t, &it.node);
	}
	assert_true(t->now->mask < STAY * 8);
}

/* grow: nodes are added during the scan; shrink: nodes are removed; both: both at once, and the
 * array is rebuilt. */
static void walk(bool grow, bool shrink)
{
	struct nd_ktable t = { .memory = &memory };
	uint32_t cursor = 0;
	int k = 0, steps = 0;

	for (int i = 0; i < STAY; i++)
		add(&t, &stay[i], "s", i);
	for (int i = 0; shrink && i < OTHERS; i++)
		add(&t, &others[i], "o", i);
	nd_rcu_read_lock();
	do {
		cursor = nd_ktable_scan(&t, cursor, visit, NULL);
		for (int i = 0; grow && !shrink && i < 7 && k < OTHERS; i++, k++)
			add(&t, &others[k], "o", k);
		for (int i = 0; shrink && !grow && i < 7 && k < OTHERS; i++, k++)
			nd_ktable_del(&t, &others[k].node);
		if (shrink && grow && steps == 3000) {
			for (int i = 0; i < OTHERS; i++)
				nd_ktable_del(&t, &others[i].node);
			churn(&t);
		}
		assert_true(++steps < 100000);
	} while (cursor);
	nd_rcu_read_unlock();
	for (int i = 0; i < STAY; i++)
		assert_in_range(stay[i].seen, 1, grow ? 8 : 1);
	nd_ktable_clear(&t);
}

static void test_scan(void **state)
{
	(void)state;

	nd_rcu_register();
	struct nd_ktable none = { .memory = &memory };
	assert_int_equal(nd_ktable_scan(&none, 0, visit, NULL), 0);
	walk(false, false);
	walk(true, false);
	walk(false, true);
	walk(true, true);
	nd_rcu_barrier();
	nd_rcu_unregister();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scan) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
