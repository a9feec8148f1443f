/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
	int value;
	struct nd_list link;
};

/* The values from first to last as a number, and the same backwards. */
static void assert_order(const struct nd_list *head, int want)
{
	int forward = 0, back = 0, power = 1;

	for (const struct nd_list *n = head->next; n != head; n = n->next) {
		assert_ptr_equal(n->next->prev, n);
		forward = forward * 10 + ND_LIST_ENTRY(n, const struct item, link)->value;
	}
	for (const struct nd_list *n = head->prev; n != head; n = n->prev, power *= 10)
		back += power * ND_LIST_ENTRY(n, const struct item, link)->value;
	assert_int_equal(forward, want);
	assert_int_equal(back, want);
}

static void test_list(void **state)
{
	struct item items[4] = { { .value = 1 }, { .value = 2 }, { .value = 3 }, { .value = 4 } };
	struct nd_list head;
	(void)state;

	nd_list_init(&head);
	assert_true(nd_list_empty(&head));
	assert_null(nd_list_pop(&head));
	assert_false(nd_list_linked(&items[0].link));
	nd_list_del(&items[0].link); /* not linked: no effect */

	nd_list_add(&head, &items[1].link);
	nd_list_add(&head, &items[2].link);
	nd_list_push(&head, &items[0].link);
	nd_list_add(&head, &items[3].link);
	assert_order(&head, 1234);
	assert_true(nd_list_linked(&items[0].link));

	nd_list_del(&items[2].link);
	assert_order(&head, 124);
	assert_false(nd_list_linked(&items[2].link));
	nd_list_del(&items[2].link);
	assert_order(&head, 124);

	assert_ptr_equal(nd_list_pop(&head), &items[0].link);
	assert_order(&head, 24);
	nd_list_add(&head, &items[0].link);
	assert_order(&head, 241);
}

static void test_each_may_unlink(void **state)
{
	struct item items[6] = { 0 };
	struct nd_list head;
	int seen = 0;
	(void)state;

	nd_list_init(&head);
	for (int i = 0; i < 6; i++) {
		items[i].value = i + 1;
		nd_list_add(&head, &items[i].link);
	}
	ND_LIST_EACH(&head, it) {
		struct item *item = ND_LIST_ENTRY(it, struct item, link);
		seen = seen * 10 + item->value;
		if (item->value % 2)
			nd_list_del(it);
	}
	assert_int_equal(seen, 123456);
	assert_order(&head, 246);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_each_may_unlink),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
