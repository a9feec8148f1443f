/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of networks: overlaps, edges, families; and against a linear search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "base/netset.h"

static struct nd_arena arena;

static int open_arena(void **state)
{
	(void)state;
	nd_arena_init(&arena, 1 << 20);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	nd_arena_clear(&arena);
	return 0;
}

static struct nd_addr address(const char *text)
{
	struct nd_addr a;

	assert_int_equal(nd_addr_parse_ip(text, 53, &a), 0);
	return a;
}

/* nets: separated by spaces. */
static struct nd_netset make(const char *nets)
{
	struct nd_cidr all[8];
	struct nd_netset s;
	char text[256], *rest = text;
	size_t n = 0;

	strcpy(text, nets);
	for (char *word; (word = strsep(&rest, " "));)
		if (*word)
			assert_int_equal(nd_cidr_parse(word, &all[n++]), 0);
	assert_int_equal(nd_netset_make(all, n, &arena, &s), 0);
	return s;
}

static void test_has(void **state)
{
	static const struct {
		const char *nets, *address;
		bool has;
	} rows[] = {
		{ "", "10.0.0.1", false },
		{ "10.0.0.8/29", "10.0.0.7", false },
		{ "10.0.0.8/29", "10.0.0.8", true },
		{ "10.0.0.8/29", "10.0.0.15", true },
		{ "10.0.0.8/29", "10.0.0.16", false },
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "::1", true },
		{ "::/0", "10.0.0.1", false },
		{ "::/0", "::ffff:10.0.0.1", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		/* Inside one another, in either order, and the same one twice. */
		{ "10.0.0.0/8 10.1.0.0/16", "10.200.0.1", true },
		{ "10.1.0.0/16 10.0.0.0/8", "10.200.0.1", true },
		{ "10.1.0.0/16 10.1.0.0/16", "10.2.0.1", false },
		{ "10.0.0.0/32 10.0.0.0/8", "10.255.255.255", true },
		/* Between two of them. */
		{ "192.0.2.0/24 10.0.0.0/24", "10.0.1.0", false },
		{ "192.0.2.0/24 10.0.0.0/24", "192.0.2.255", true },
		{ "10.0.0.0/24 10.0.1.0/24", "10.0.1.0", true },
		{ "2001:db8::/33 2001:db8:ffff::/48", "2001:db8:7fff:ffff::1", true },
		{ "2001:db8::/33 2001:db8:ffff::/48", "2001:db8:8000::", false },
		{ "2001:db8::/33 2001:db8:ffff::/48", "2001:db8:ffff::1", true },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_netset s = make(rows[i].nets);
		struct nd_addr a = address(rows[i].address);
		if (nd_netset_has(&s, &a) != rows[i].has)
			fail_msg("\"%s\" has %s: want %d", rows[i].nets, rows[i].address,
				 rows[i].has);
	}
}

/* Random networks in a small space, so that many overlap. */
static void test_like_linear(void **state)
{
	struct nd_cidr nets[40];
	struct nd_netset s;
	(void)state;

	srand(7);
	for (unsigned round = 0; round < 200; round++) {
		size_t n = (size_t)rand() % ND_COUNT(nets);
		for (size_t i = 0; i < n; i++) {
			nets[i] = (struct nd_cidr){ .bytes = { 10, 0, 0 }, .len = 4 };
			nets[i].bits = (uint8_t)(24 + rand() % 9);
			nets[i].bytes[3] = (uint8_t)(rand() & (0xff00 >> (nets[i].bits - 24)));
		}
		assert_int_equal(nd_netset_make(nets, n, &arena, &s), 0);
		for (unsigned last = 0; last < 256; last++) {
			uint8_t bytes[4] = { 10, 0, 0, (uint8_t)last };
			struct nd_addr a = nd_addr_from(AF_INET, bytes, 1);
			bool want = false;
			for (size_t i = 0; i < n; i++)
				want |= nd_cidr_has(&nets[i], &a);
			if (nd_netset_has(&s, &a) != want)
				fail_msg("round %u: 10.0.0.%u: want %d", round, last, want);
		}
		nd_arena_clear(&arena);
		nd_arena_init(&arena, 1 << 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_has, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(test_like_linear, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
