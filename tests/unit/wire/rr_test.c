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
#include "wire/layout.h"
#include "wire/rr.h"
#include "wire/type.h"

static void test_iterate(void **state)
{
	static const char bytes[] = "\0\1\x81\x80\0\1\0\1\0\1\0\1\1x\0\0\1\0\1"
				    "\xc0\14\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
				    "\0\0\2\0\1\0\1\0\0\0\2\xc0\14"
				    "\0\0\x29\2\0\0\0\0\0\0\0";
	static const struct nd_rr want[] = {
		{ ND_SECTION_ANSWER, 19, 1, 1, 60, 25, 31, 4, 35 },
		{ ND_SECTION_AUTHORITY, 35, 2, 1, 65536, 40, 46, 2, 48 },
		{ ND_SECTION_ADDITIONAL, 48, 41, 512, 0, 53, 59, 0, 59 },
	};
	struct nd_name_buf buf;
	struct nd_msg m;
	struct nd_rr rr;
	(void)state;

	assert_int_equal(nd_msg_parse_response(&m, bytes, sizeof bytes - 1, &buf), 0);
	struct nd_rr_iter iter = nd_rr_iter_over(&m);
	for (size_t i = 0; i < ND_COUNT(want); i++) {
		assert_true(nd_rr_next(&iter, &rr));
		if (rr.section != want[i].section || rr.owner != want[i].owner ||
		    rr.type != want[i].type || rr.class != want[i].class || rr.ttl != want[i].ttl ||
		    rr.ttl_at != want[i].ttl_at || rr.rdata != want[i].rdata ||
		    rr.rdata_len != want[i].rdata_len || rr.end != want[i].end)
			fail_msg("record %zu: owner %u, ttl at %u, rdata at %u, end %u", i,
				 rr.owner, rr.ttl_at, rr.rdata, rr.end);
	}
	assert_false(nd_rr_next(&iter, &rr));
	assert_int_equal(iter.err, 0);
}

/* Two octets, the name "a.b." at offset 2, then the rdata. */
#define NAME "zz\1a\1b\0"
enum { AT = 7 };
#define ROW(name, type, rdata, want)                                                 \
	{                                                                            \
		name, type, NAME rdata, sizeof(rdata) - 1, want, sizeof(want) - 1, 0 \
	}
#define BAD(name, type, rdata, err)                                     \
	{                                                               \
		name, type, NAME rdata, sizeof(rdata) - 1, NULL, 0, err \
	}

static void test_expand(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *bytes;
		size_t len;
		const char *want;
		size_t want_len;
		int err;
	} rows[] = {
		ROW("NS", ND_TYPE_NS, "\1C\xc0\2", "\1C\1a\1b\0"),
		ROW("MX", ND_TYPE_MX, "\0\1\xc0\2", "\0\1\1a\1b\0"),
		ROW("SRV, although compressed", ND_TYPE_SRV, "\0\1\0\2\0\3\xc0\4",
		    "\0\1\0\2\0\3\1b\0"),
		ROW("SOA", ND_TYPE_SOA, "\xc0\2\xc0\4\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5",
		    "\1a\1b\0\1b\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"),
		ROW("NAPTR", ND_TYPE_NAPTR, "\0\1\0\2\1S\0\2xy\0", "\0\1\0\2\1S\0\2xy\0"),
		ROW("NSEC", ND_TYPE_NSEC, "\xc0\2\0\1\x40", "\1a\1b\0\0\1\x40"),
		ROW("unknown", 65280, "\xc0\2", "\xc0\2"),
		ROW("A", ND_TYPE_A, "\1\2\3\4", "\1\2\3\4"),
		BAD("octets after the name", ND_TYPE_NS, "\xc0\2x", ND_EFORMAT),
		BAD("name past the end", ND_TYPE_NS, "\1c", ND_ETRUNC),
		BAD("pointer forward", ND_TYPE_NS, "\xc0\x20", ND_EFORMAT),
		BAD("truncated number", ND_TYPE_MX, "\0", ND_ETRUNC),
		BAD("string past the end", ND_TYPE_NAPTR, "\0\1\0\2\5S", ND_ETRUNC),
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		const uint8_t *p = (const uint8_t *)rows[i].bytes;
		size_t n = AT + rows[i].len;
		uint8_t out[64];
		int got = nd_rr_expand_rdata(p, n, AT, (uint16_t)rows[i].len, rows[i].type, out,
					     sizeof out);
		if (rows[i].err ? got != rows[i].err
				: got != (int)rows[i].want_len ||
					  memcmp(out, rows[i].want, (size_t)got))
			fail_msg("%s: got %d", rows[i].name, got);
		int checked = nd_rr_check_rdata(p, n, AT, (uint16_t)rows[i].len, rows[i].type);
		if (checked != rows[i].err)
			fail_msg("%s: check says %d", rows[i].name, checked);
		if (rows[i].err == 0 &&
		    nd_rr_expand_rdata(p, n, AT, (uint16_t)rows[i].len, rows[i].type, out,
				       rows[i].want_len - 1) != ND_ELIMIT)
			fail_msg("%s: written past its room", rows[i].name);
	}
	assert_int_equal(nd_rr_expand_rdata((const uint8_t *)"ab", 2, 1, 2, 1, NULL, 0), ND_ETRUNC);
}

#undef ROW
#define ROW(name, type, rdata, valid)                       \
	{                                                   \
		name, type, rdata, sizeof(rdata) - 1, valid \
	}

static void test_valid(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *rdata;
		size_t n;
		bool valid;
	} rows[] = {
		ROW("A", ND_TYPE_A, "\1\2\3\4", true),
		ROW("A, five octets", ND_TYPE_A, "\1\2\3\4\5", false),
		ROW("AAAA", ND_TYPE_AAAA, "0123456789abcdef", true),
		ROW("AAAA, fifteen octets", ND_TYPE_AAAA, "0123456789abcde", false),
		ROW("TXT", ND_TYPE_TXT, "\2hi\0", true),
		ROW("TXT, empty", ND_TYPE_TXT, "", false),
		ROW("TXT past the end", ND_TYPE_TXT, "\2h", false),
		ROW("HINFO", ND_TYPE_HINFO, "\1a\1b", true),
		ROW("HINFO, three strings", ND_TYPE_HINFO, "\1a\1b\0", false),
		ROW("CNAME", ND_TYPE_CNAME, "\1a\0", true),
		ROW("CNAME with a pointer", ND_TYPE_CNAME, "\1a\xc0\0", false),
		ROW("MINFO pointing back", 14, "\1a\0\xc0\0", false),
		ROW("unknown", 65280, "anything", true),
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if (nd_rr_rdata_valid(rows[i].type, (const uint8_t *)rows[i].rdata, rows[i].n) !=
		    rows[i].valid)
			fail_msg("%s", rows[i].name);
}

/* RFC 3597 s4: types defined after RFC 1035 are not compressed. */
static void test_layout(void **state)
{
	(void)state;

	for (unsigned type = 0; type < 65536; type++) {
		const char *layout = nd_layout_of_names((uint16_t)type);
		if (layout && type > ND_TYPE_TXT && strchr(layout, 'd'))
			fail_msg("type %u would be compressed", type);
	}
	assert_null(nd_layout_of_names(ND_TYPE_A));
	assert_null(nd_layout_of_names(ND_TYPE_TXT));
	assert_string_equal(nd_layout_of_names(ND_TYPE_CNAME), "d");
	assert_string_equal(nd_layout_of_names(ND_TYPE_SRV), "222D");
}

static void test_write_srv(void **state)
{
	static const uint8_t want[] = "\0\1\2\3\x1f\x90\1a\3com";
	struct nd_name target = nd_name_view((const uint8_t *)"\1a\3com");
	uint8_t rdata[ND_RR_SRV_MAX];
	(void)state;

	assert_int_equal(nd_rr_write_srv(rdata, 1, 0x0203, 8080, target), sizeof want);
	assert_memory_equal(rdata, want, sizeof want);
	assert_true(nd_rr_rdata_valid(ND_TYPE_SRV, rdata, sizeof want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iterate),   cmocka_unit_test(test_expand),
		cmocka_unit_test(test_valid),     cmocka_unit_test(test_layout),
		cmocka_unit_test(test_write_srv),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
