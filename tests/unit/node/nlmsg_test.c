/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "node/nlmsg.h"

static const uint8_t fixed[] = { 1, 2, 3, 4 };

static void test_writes(void **state)
{
	/* Header of 40 bytes, type 0x0a05, flags 0x0301; a nest of type 2 with two attributes. */
	static const uint8_t want[] = {
		52, 0, 0, 0,   5,    10, 1, 3, 0,   0,   0, 0, 0, 0, 0, 0, 1, 2, 3, 4, /* */
		20, 0, 2, 128, 7,    0,  1, 0, 'a', 'b', 0, 0,                         /* */
		8,  0, 3, 0,   0,    0,  1, 0,                                         /* */
		12, 0, 4, 0,   0x80, 0,  0, 0, 0,   0,   0, 1,
	};
	_Alignas(struct nlmsghdr) uint8_t bytes[64];
	struct nd_nlmsg m;
	(void)state;

	memset(bytes, 0xee, sizeof bytes);
	nd_nlmsg_begin(&m, bytes, sizeof bytes, 0x0a05, 0x0301, fixed, sizeof fixed);
	size_t nest = nd_nlmsg_open(&m, 2);
	nd_nlmsg_put_text(&m, 1, "ab");
	nd_nlmsg_put_be32(&m, 3, 256);
	nd_nlmsg_close(&m, nest);
	nd_nlmsg_put_be64(&m, 4, 1ULL << 63 | 1);
	struct nlmsghdr *h = nd_nlmsg_header(&m);
	assert_non_null(h);
	assert_int_equal(h->nlmsg_len, sizeof want);
	assert_memory_equal(bytes, want, sizeof want);
}

/* Nothing is written past the memory, and the message is not used. */
static void test_too_long(void **state)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[64];
	static uint8_t large[70000], from[70000];
	struct nd_nlmsg m;
	(void)state;

	for (size_t max = 0; max < 52; max++) {
		memset(bytes, 0xee, sizeof bytes);
		nd_nlmsg_begin(&m, bytes, max, 1, 0, fixed, sizeof fixed);
		size_t nest = nd_nlmsg_open(&m, 2);
		nd_nlmsg_put_text(&m, 1, "ab");
		nd_nlmsg_put_be32(&m, 3, 256);
		nd_nlmsg_close(&m, nest);
		nd_nlmsg_put_be64(&m, 4, 1);
		assert_null(nd_nlmsg_header(&m));
		assert_int_equal(m.err, ND_ELIMIT);
		for (size_t i = max; i < sizeof bytes; i++)
			assert_int_equal(bytes[i], 0xee);
	}
	/* The length of an attribute has 16 bits. */
	nd_nlmsg_init(&m, large, sizeof large);
	nd_nlmsg_put(&m, 1, from, UINT16_MAX - 3);
	assert_int_equal(m.err, ND_ELIMIT);
	nd_nlmsg_init(&m, large, sizeof large);
	nd_nlmsg_put(&m, 1, from, UINT16_MAX - 4);
	assert_int_equal(m.err, 0);
	nd_nlmsg_init(&m, large, sizeof large);
	size_t nest = nd_nlmsg_open(&m, 2);
	nd_nlmsg_put(&m, 1, from, UINT16_MAX - 8);
	assert_int_equal(m.err, 0);
	nd_nlmsg_close(&m, nest);
	assert_int_equal(m.err, ND_ELIMIT);
}

static void test_reads(void **state)
{
	static const struct {
		const char *name;
		const char *bytes; /* of the list */
		size_t n;
		int found; /* attributes */
		uint16_t last;
		size_t nlast;
	} rows[] = {
		{ "none", "", 0, 0, 0, 0 },
		{ "half a header", "\10\0", 2, 0, 0, 0 },
		{ "empty", "\4\0\7\0", 4, 1, 7, 0 },
		{ "flags beside the type", "\4\0\7\x80", 4, 1, 7, 0 },
		{ "two", "\5\0\1\0x\0\0\0\6\0\2\0ab\0\0", 16, 2, 2, 2 },
		{ "the last without padding", "\5\0\1\0x\0\0\0\6\0\2\0ab", 14, 2, 2, 2 },
		{ "longer than the rest", "\5\0\1\0x\0\0\0\11\0\2\0ab\0\0", 16, 1, 1, 1 },
		{ "shorter than its header", "\5\0\1\0x\0\0\0\3\0\2\0ab\0\0", 16, 1, 1, 1 },
		{ "length 0", "\0\0\1\0", 4, 0, 0, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_nlmsg_attr whole = { .n = rows[i].n,
					       .bytes = (const uint8_t *)rows[i].bytes };
		struct nd_nlmsg_list l = nd_nlmsg_inside(whole);
		struct nd_nlmsg_attr attr = { 0 };
		int found = 0;
		while (nd_nlmsg_next(&l, &attr))
			found++;
		if (found != rows[i].found || attr.type != rows[i].last || attr.n != rows[i].nlast)
			fail_msg("%s: %d attributes, the last of type %u and %zu bytes",
				 rows[i].name, found, attr.type, attr.n);
	}
}

static void test_values(void **state)
{
	static const uint8_t list[] = {
		8,  0, 1, 0, 0,   0,   1, 2,             /* a number */
		7,  0, 2, 0, 0,   1,   2, 0,             /* too short */
		6,  0, 3, 0, 'a', 0,   0, 0,             /* a text */
		6,  0, 4, 0, 'a', 'b', 0, 0,             /* not terminated */
		12, 0, 5, 0, 1,   0,   0, 0, 0, 0, 0, 2, /* a long number */
	};
	struct nd_nlmsg_list l = { list, sizeof list };
	(void)state;

	assert_int_equal(nd_nlmsg_be32(nd_nlmsg_find(l, 1), 7), 0x0102);
	assert_int_equal(nd_nlmsg_u32(nd_nlmsg_find(l, 1), 7), 0x02010000);
	assert_int_equal(nd_nlmsg_be32(nd_nlmsg_find(l, 2), 7), 7);
	assert_int_equal(nd_nlmsg_u32(nd_nlmsg_find(l, 5), 7), 7);
	assert_int_equal(nd_nlmsg_be32(nd_nlmsg_find(l, 6), 7), 7);
	assert_true(nd_nlmsg_be64(nd_nlmsg_find(l, 5), 7) == (1ULL << 56 | 2));
	assert_true(nd_nlmsg_be64(nd_nlmsg_find(l, 1), 7) == 7);
	assert_string_equal(nd_nlmsg_text(nd_nlmsg_find(l, 3)), "a");
	assert_null(nd_nlmsg_text(nd_nlmsg_find(l, 4)));
	assert_null(nd_nlmsg_text(nd_nlmsg_find(l, 6)));
	assert_null(nd_nlmsg_find(nd_nlmsg_inside(nd_nlmsg_find(l, 6)), 1).bytes);
}

/* The fixed part, only of a message of that type and length. */
static void test_fixed(void **state)
{
	struct {
		struct nlmsghdr h;
		uint8_t rest[8];
	} m = { { .nlmsg_len = 24, .nlmsg_type = 5 }, { 0, 0, 0, 0, 4, 0, 9, 0 } };
	(void)state;

	assert_ptr_equal(nd_nlmsg_fixed(&m.h, 5, 8), m.rest);
	assert_null(nd_nlmsg_fixed(&m.h, 5, 9));
	assert_null(nd_nlmsg_fixed(&m.h, 6, 8));
	assert_non_null(nd_nlmsg_find(nd_nlmsg_attrs(&m.h, 4), 9).bytes);
	assert_non_null(nd_nlmsg_find(nd_nlmsg_attrs(&m.h, 2), 9).bytes); /* padded */
	assert_null(nd_nlmsg_find(nd_nlmsg_attrs(&m.h, 12), 9).bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writes), cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_reads),  cmocka_unit_test(test_values),
		cmocka_unit_test(test_fixed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
