/* SPDX-License-Identifier: Apache-2.0 */
/* Walks that stop among the endpoints of a name: what remains is visited, whatever changes in
 * between; without changes each item is visited once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/rcu.h"
#include "plugin/kubernetes/kcursor.h"

enum { NAMES = 40, PARTS = 12, ITEMS = 30 };

/* A part is replaced as a whole, like a slice: it is known by its address only. */
struct part {
	uint32_t items;
	unsigned seen[ITEMS];
};

struct thing {
	struct nd_knode node; /* first, as in struct nd_kname: visits get a pointer to it */
	struct part *part[PARTS];
	uint32_t nparts;
	char label[16];
};

static const struct nd_siphash_key key = { 3, 4 };
static struct nd_kmemory memory = { .max = 1 << 24 };
static struct nd_ktable table;
static struct thing thing[NAMES];
static unsigned budget;        /* items until the walk is full */
static const struct thing *at; /* the name visited last */

static struct part *new_part(void)
{
	struct part *p = calloc(1, sizeof *p);

	assert_non_null(p);
	p->items = ITEMS;
	return p;
}

static void add_name(size_t i)
{
	struct thing *t = &thing[i];
	struct nd_knode *node = &t->node;

	snprintf(t->label, sizeof t->label, "n%zu", i);
	*node = (struct nd_knode){ .name = t->label, .len = (uint8_t)strlen(t->label) };
	node->hash = nd_ktable_hash(&key, NULL, t->label, node->len);
	assert_int_equal(nd_ktable_add(&table, node), 0);
}

static int open_table(void **state)
{
	(void)state;
	table = (struct nd_ktable){ .memory = &memory };
	memset(thing, 0, sizeof thing);
	for (size_t i = 0; i < NAMES; i++) {
		thing[i].nparts = i % 3 ? 2 : PARTS;
		for (uint32_t k = 0; k < thing[i].nparts; k++)
			thing[i].part[k] = new_part();
		add_name(i);
	}
	nd_rcu_read_lock();
	return 0;
}

static int close_table(void **state)
{
	(void)state;
	nd_rcu_read_unlock();
	for (size_t i = 0; i < NAMES; i++)
		for (uint32_t k = 0; k < thing[i].nparts; k++)
			free(thing[i].part[k]);
	nd_ktable_clear(&table);
	return 0;
}

static const void *part_of(const void *parts, uint32_t i)
{
	return ((struct part *const *)parts)[i];
}

static bool full(void *ctx)
{
	(void)ctx;
	return budget == 0;
}

static void visit(void *ctx, struct nd_kcursor *c, const struct nd_kname *of)
{
	const struct thing *t = (const struct thing *)of;
	struct nd_kcursor_place place = nd_kcursor_resume(c, t->nparts, t->part, part_of);

	(void)ctx;
	at = t;
	for (; place.part < t->nparts; place.part++, place.item = 0) {
		struct part *p = t->part[place.part];
		while (place.item < p->items) {
			p->seen[place.item++]++;
			budget -= budget > 0;
			if (nd_kcursor_stops(c, of, p, place))
				return;
		}
	}
}

/* Walks to the end in pieces; between two pieces `change` is called. */
static unsigned walk(unsigned piece, void (*change)(unsigned step))
{
	struct nd_offer_cursor cursor = { 0 };
	struct nd_kcursor c = { .at = &cursor, .visit = visit, .full = full };
	unsigned steps = 0;
	bool more = true;

	while (more) {
		budget = piece;
		while (more && budget)
			more = nd_kcursor_walk(&c, &table);
		steps++;
		assert_true(steps < 100000);
		if (change)
			change(steps);
	}
	return steps;
}

static void check_seen(unsigned least, unsigned most)
{
	for (size_t i = 0; i < NAMES; i++)
		for (uint32_t k = 0; k < thing[i].nparts; k++)
			for (uint32_t n = 0; n < ITEMS; n++)
				assert_in_range(thing[i].part[k]->seen[n], least, most);
}

static void test_each_once(void **state)
{
	(void)state;
	assert_in_range(walk(7, NULL), 14 * ITEMS, 100000);
	check_seen(1, 1);
}

static void remove_part(struct thing *t, uint32_t k)
{
	free(t->part[k]);
	memmove(&t->part[k], &t->part[k + 1], (t->nparts - k - 1) * sizeof t->part[0]);
	t->nparts--;
}

/* The first part of the name that the walk stopped in goes: the others move. */
static void remove_first(unsigned step)
{
	struct thing *t = &thing[at - thing];

	if (step % 5 == 0 && t->nparts > 1)
		remove_part(t, 0);
}

static void test_parts_are_removed(void **state)
{
	(void)state;
	walk(7, remove_first);
	check_seen(1, 100);
}

/* The first part of the name that the walk stopped in is replaced; of the new one nothing is
 * promised. */
static void replace(unsigned step)
{
	struct thing *t = &thing[at - thing];

	if (step % 9)
		return;
	free(t->part[0]);
	t->part[0] = new_part();
	for (uint32_t n = 0; n < ITEMS; n++)
		t->part[0]->seen[n] = 1;
}

static void test_parts_are_replaced(void **state)
{
	(void)state;
	walk(5, replace);
	check_seen(1, 100);
}

/* Every part changes after each step: the walk ends nevertheless. */
static void replace_all(unsigned step)
{
	for (unsigned i = 0; i < NAMES; i++)
		for (unsigned k = 0; k < thing[i].nparts; k++) {
			struct part *new = new_part();
			free(thing[i].part[k]);
			thing[i].part[k] = new;
		}
	assert_true(step < 10000);
}

static void test_everything_changes(void **state)
{
	(void)state;
	walk(ITEMS + 1, replace_all);
}

/* Names come and go, so that the table is rebuilt; the others are visited. */
static void churn(unsigned step)
{
	static struct thing extra[4000];
	struct nd_knode *node = &extra[step % 4000].node;

	if (step >= 4000)
		return;
	snprintf(extra[step].label, sizeof extra[step].label, "x%u", step);
	*node = (struct nd_knode){ .name = extra[step].label,
				   .len = (uint8_t)strlen(extra[step].label) };
	node->hash = nd_ktable_hash(&key, NULL, node->name, node->len);
	assert_int_equal(nd_ktable_add(&table, node), 0);
	if (step > 300)
		nd_ktable_del(&table, &extra[step - 300].node);
}

static void test_names_change(void **state)
{
	(void)state;
	walk(5, churn);
	check_seen(1, 100);
}

/* The name that the walk stopped in is removed. */
static void test_name_is_removed(void **state)
{
	struct nd_offer_cursor cursor = { 0 };
	struct nd_kcursor c = { .at = &cursor, .visit = visit, .full = full };
	size_t gone = NAMES;

	(void)state;
	budget = 3;
	while (!cursor.inside)
		assert_true(nd_kcursor_walk(&c, &table));
	for (size_t i = 0; i < NAMES; i++)
		if (thing[i].node.hash == cursor.object)
			gone = i;
	assert_true(gone < NAMES);
	nd_ktable_del(&table, &thing[gone].node);
	budget = UINT32_MAX;
	while (nd_kcursor_walk(&c, &table))
		;
	for (uint32_t k = 0; k < thing[gone].nparts; k++)
		for (uint32_t n = 0; n < ITEMS; n++)
			thing[gone].part[k]->seen[n] = 1;
	check_seen(1, 2);
}

static int begin(void **state)
{
	(void)state;
	nd_rcu_register();
	return 0;
}

static int end(void **state)
{
	(void)state;
	nd_rcu_barrier();
	nd_rcu_unregister();
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_table, close_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_once),          TEST(test_parts_are_removed),
		TEST(test_parts_are_replaced), TEST(test_everything_changes),
		TEST(test_names_change),       TEST(test_name_is_removed),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
