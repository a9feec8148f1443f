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
#include "wire/edns.h"

static void test_next(void **state)
{
	static const uint8_t options[] = "\0\12\0\2hi\0\3\0\0\0\14\0\3cut";
	const uint8_t *data;
	size_t at = 0, n;
	uint16_t code;
	(void)state;

	assert_true(nd_edns_next(options, sizeof options - 2, &at, &code, &data, &n));
	assert_int_equal(code, ND_EDNS_COOKIE);
	assert_int_equal(n, 2);
	assert_memory_equal(data, "hi", 2);
	assert_true(nd_edns_next(options, sizeof options - 2, &at, &code, &data, &n));
	assert_int_equal(code, ND_EDNS_NSID);
	assert_int_equal(n, 0);
	assert_false(nd_edns_next(options, sizeof options - 2, &at, &code, &data, &n));
	assert_int_equal(at, 10);
	assert_true(nd_edns_next(options, sizeof options - 1, &at, &code, &data, &n));
	assert_int_equal(code, ND_EDNS_PADDING);
	assert_false(nd_edns_next(options, sizeof options - 1, &at, &code, &data, &n));
}

#define ROW(name, bytes, valid)                       \
	{                                             \
		name, bytes, sizeof(bytes) - 1, valid \
	}

static void test_valid(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		bool valid;
	} rows[] = {
		ROW("none", "", true),
		ROW("unknown", "\xff\0\0\1x", true),
		ROW("three octets", "\0\3\0", false),
		ROW("past the end", "\0\3\0\1", false),
		ROW("subnet", "\0\10\0\7\0\1\x18\0\xc0\0\2", true),
		ROW("subnet, family 0", "\0\10\0\4\0\0\0\0", true),
		ROW("subnet, family 0 with a prefix", "\0\10\0\4\0\0\1\0", false),
		ROW("subnet, family 3", "\0\10\0\4\0\3\0\0", false),
		ROW("subnet, 33 bits", "\0\10\0\4\0\1\x21\0", false),
		ROW("subnet, scope 129", "\0\10\0\4\0\2\x80\x81", false),
		ROW("subnet, three octets", "\0\10\0\3\0\1\0", false),
		ROW("keepalive", "\0\13\0\0\0\13\0\2\0\1", true),
		ROW("keepalive, one octet", "\0\13\0\1x", false),
		ROW("expire", "\0\11\0\0\0\11\0\4\0\0\0\1", true),
		ROW("expire, two octets", "\0\11\0\2\0\0", false),
		ROW("error, one octet", "\0\17\0\1x", false),
		ROW("update lease", "\0\2\0\4\0\0\0\1\0\2\0\10\0\0\0\1\0\0\0\1", true),
		ROW("update lease, five octets", "\0\2\0\5\0\0\0\1\0", false),
		ROW("agent domain", "\0\22\0\3\1a\0", true),
		ROW("agent domain truncated", "\0\22\0\2\1a", false),
		ROW("zone version, one octet", "\0\23\0\1x", false),
		ROW("LLQ too short", "\0\1\0\1x", false),
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if (nd_edns_options_valid((const uint8_t *)rows[i].bytes, rows[i].n) !=
		    rows[i].valid)
			fail_msg("%s", rows[i].name);
}

static void test_write(void **state)
{
	static const uint8_t want[] = "\0\0\51\x04\xd0\1\0\x80\1\0\4";
	struct nd_edns e = {
		.udp_size = 1232, .extended_rcode = 1, .flags = 0x8001, .options_len = 4
	};
	uint8_t bytes[ND_EDNS_HEAD];
	struct nd_writer w = nd_writer_over(bytes, sizeof bytes);
	(void)state;

	nd_edns_write(&w, &e);
	assert_int_equal(w.err, 0);
	assert_int_equal(w.pos, sizeof want - 1);
	assert_memory_equal(bytes, want, sizeof want - 1);
	nd_edns_write(&w, &e);
	assert_int_equal(w.err, ND_ELIMIT);
	assert_int_equal(w.pos, sizeof want - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
