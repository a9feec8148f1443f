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
#include "wire/msg.h"
#include "wire/rr.h"
#include "wire/type.h"

#define HEAD "\x12\x34\1\0"
#define Q "\1X\4test\0\0\1\0\1"
#define OPT "\0\0\x29\4\xd0\0\0\x80\0\0\0"

#define BYTES(s) s, sizeof(s) - 1

static void test_query(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		enum nd_msg_verdict want;
		uint16_t question_end;
		bool edns;
	} rows[] = {
		{ "nothing", BYTES(""), ND_MSG_IGNORE, 0, false },
		{ "eleven octets", BYTES(HEAD "\0\1\0\0\0\0\0"), ND_MSG_IGNORE, 0, false },
		{ "plain", BYTES(HEAD "\0\1\0\0\0\0\0\0" Q), ND_MSG_OK, 24, false },
		{ "with OPT", BYTES(HEAD "\0\1\0\0\0\0\0\1" Q OPT), ND_MSG_OK, 24, true },
		{ "a response", BYTES("\x12\x34\x81\0\0\1\0\0\0\0\0\0" Q), ND_MSG_IGNORE, 12,
		  false },
		{ "STATUS", BYTES("\x12\x34\x10\0\0\1\0\0\0\0\0\0" Q), ND_MSG_NOTIMP, 12, false },
		{ "UPDATE", BYTES("\x12\x34\x28\0\0\1\0\0\0\0\0\0" Q), ND_MSG_NOTIMP, 12, false },
		{ "NOTIFY", BYTES("\x12\x34\x20\0\0\1\0\0\0\0\0\0" Q), ND_MSG_OK, 24, false },
		{ "no question", BYTES(HEAD "\0\0\0\0\0\0\0\0"), ND_MSG_FORMERR, 12, false },
		{ "two questions", BYTES(HEAD "\0\2\0\0\0\0\0\0" Q Q), ND_MSG_FORMERR, 12, false },
		{ "two answers", BYTES(HEAD "\0\1\0\2\0\0\0\0" Q), ND_MSG_FORMERR, 12, false },
		{ "two authorities", BYTES(HEAD "\0\1\0\0\0\2\0\0" Q), ND_MSG_FORMERR, 12, false },
		{ "three additional", BYTES(HEAD "\0\1\0\0\0\0\0\3" Q), ND_MSG_FORMERR, 12, false },
		{ "announced question missing", BYTES(HEAD "\0\1\0\0\0\0\0\0"), ND_MSG_SERVFAIL, 12,
		  false },
		{ "truncated in the name", BYTES(HEAD "\0\1\0\0\0\0\0\0\1X\4te"), ND_MSG_FORMERR,
		  12, false },
		{ "truncated after the name", BYTES(HEAD "\0\1\0\0\0\0\0\0\1X\0"), ND_MSG_FORMERR,
		  12, false },
		{ "truncated in the class", BYTES(HEAD "\0\1\0\0\0\0\0\0\1X\0\0\1\0"),
		  ND_MSG_FORMERR, 12, false },
		{ "name points into the header", BYTES(HEAD "\0\1\0\0\0\0\0\0\1x\xc0\4\0\1\0\1"),
		  ND_MSG_FORMERR, 12, false },
		{ "announced records missing", BYTES(HEAD "\0\1\0\0\0\0\0\1" Q), ND_MSG_OK, 24,
		  false },
		{ "trailing octets", BYTES(HEAD "\0\1\0\0\0\0\0\0" Q "junk"), ND_MSG_OK, 24,
		  false },
		{ "OPT cut", BYTES(HEAD "\0\1\0\0\0\0\0\1" Q "\0\0\x29\4\xd0\0\0\0\0\0"),
		  ND_MSG_FORMERR, 24, false },
		{ "two OPTs", BYTES(HEAD "\0\1\0\0\0\0\0\2" Q OPT OPT), ND_MSG_FORMERR, 24, false },
		{ "OPT with an owner", BYTES(HEAD "\0\1\0\0\0\0\0\1" Q "\1a" OPT), ND_MSG_FORMERR,
		  24, false },
		{ "OPT in the answer section", BYTES(HEAD "\0\1\0\1\0\0\0\0" Q OPT), ND_MSG_OK, 24,
		  false },
		{ "option past the end",
		  BYTES(HEAD "\0\1\0\0\0\0\0\1" Q "\0\0\x29\4\xd0\0\0\0\0\0\4\0\12\0\1"),
		  ND_MSG_FORMERR, 24, false },
		{ "version 1", BYTES(HEAD "\0\1\0\0\0\0\0\1" Q "\0\0\x29\4\xd0\0\1\0\0\0\0"),
		  ND_MSG_BADVERS, 24, true },
		{ "A of three octets",
		  BYTES(HEAD "\0\1\0\0\0\0\0\1" Q "\0\0\1\0\1\0\0\0\0\0\3\1\2\3"), ND_MSG_FORMERR,
		  24, false },
		{ "A of none", BYTES(HEAD "\0\1\0\0\0\0\0\1" Q "\0\0\1\0\1\0\0\0\0\0\0"), ND_MSG_OK,
		  24, false },
		{ "unknown type, then OPT",
		  BYTES(HEAD "\0\1\0\0\0\0\0\2" Q "\xc0\14\xff\1\0\1\0\0\0\0\0\1z" OPT), ND_MSG_OK,
		  24, true },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf buf;
		struct nd_msg m = { 0 };
		uint8_t *copy = malloc(rows[i].n + 1); /* exact size, for the sanitizer */
		memcpy(copy, rows[i].bytes, rows[i].n);
		copy = realloc(copy, rows[i].n ? rows[i].n : 1);
		enum nd_msg_verdict got = nd_msg_parse_query(&m, copy, rows[i].n, &buf);
		if (got != rows[i].want || m.question_end != rows[i].question_end ||
		    m.edns.present != rows[i].edns)
			fail_msg("%s: verdict %d, question to %u, edns %d", rows[i].name, got,
				 m.question_end, m.edns.present);
		if (m.question_end > ND_MSG_HEADER)
			assert_memory_equal(m.qname.wire, "\1x\4test", 8);
		free(copy);
	}
}

static void test_query_fields(void **state)
{
	static const char bytes[] = HEAD "\0\1\0\0\0\0\0\1\1X\0\0\x1c\0\3"
					 "\0\0\x29\4\xd0\x7\0\x80\1\0\6\0\12\0\2hi";
	struct nd_name_buf buf;
	struct nd_msg m;
	(void)state;

	assert_int_equal(nd_msg_parse_query(&m, bytes, sizeof bytes - 1, &buf), ND_MSG_OK);
	assert_int_equal(m.id, 0x1234);
	assert_int_equal(m.flags, ND_FLAG_RD);
	assert_int_equal(m.qtype, ND_TYPE_AAAA);
	assert_int_equal(m.qclass, ND_CLASS_CH);
	assert_int_equal(m.edns.udp_size, 1232);
	assert_int_equal(m.edns.extended_rcode, 7);
	assert_int_equal(m.edns.flags, 0x8001);
	assert_true(m.edns.dnssec_ok);
	assert_int_equal(m.edns.options_len, 6);
	assert_memory_equal(m.base + m.edns.options, "\0\12\0\2hi", 6);
}

#define RR(name) name "\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"

static void test_response(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		int want;
		int counts[4], records;
		bool edns;
	} rows[] = {
		{ "whole",
		  BYTES("\0\1\x81\x80\0\1\0\1\0\0\0\1" Q RR("\xc0\14") OPT),
		  0,
		  { 1, 1, 0, 1 },
		  2,
		  true },
		{ "no question",
		  BYTES("\0\1\x81\x80\0\0\0\1\0\0\0\0" RR("\1a\0")),
		  0,
		  { 0, 1, 0, 0 },
		  1,
		  false },
		{ "bare header", BYTES("\0\1\x81\x85\0\1\0\1\0\0\0\0"), 0, { 0, 0, 0, 0 }, 0, false },
		{ "ends after a whole record",
		  BYTES("\0\1\x81\x80\0\1\0\2\0\0\0\1" Q RR("\xc0\14")),
		  0,
		  { 1, 1, 0, 0 },
		  1,
		  false },
		{ "second record truncated",
		  BYTES("\0\1\x81\x80\0\1\0\2\0\0\0\1" Q RR("\xc0\14") "\xc0\14\0\1"),
		  ND_ETRUNC,
		  { 1, 1, 0, 0 },
		  1,
		  false },
		{ "question truncated",
		  BYTES("\0\1\x81\x80\0\1\0\0\0\0\0\0\1a"),
		  ND_ETRUNC,
		  { 0, 0, 0, 0 },
		  0,
		  false },
		{ "two questions",
		  BYTES("\0\1\x81\x80\0\2\0\0\0\0\0\0" Q Q),
		  ND_EFORMAT,
		  { -1 },
		  0,
		  false },
		{ "bad owner",
		  BYTES("\0\1\x81\x80\0\1\0\1\0\0\0\0" Q RR("\x40")),
		  ND_EFORMAT,
		  { 1, 0, 0, 0 },
		  0,
		  false },
		{ "eleven octets", BYTES("\0\1\x81\x80\0\1\0\1\0\0\0"), ND_ETRUNC, { -1 }, 0, false },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf buf;
		struct nd_msg m = { 0 };
		int got = nd_msg_parse_response(&m, rows[i].bytes, rows[i].n, &buf), n = 0;
		if (got != rows[i].want || m.edns.present != rows[i].edns)
			fail_msg("%s: got %d", rows[i].name, got);
		if (rows[i].counts[0] < 0)
			continue;
		for (int k = 0; k < 4; k++)
			if (m.count[k] != rows[i].counts[k])
				fail_msg("%s: count %d is %u", rows[i].name, k, m.count[k]);
		struct nd_rr_iter iter = nd_rr_iter_over(&m);
		struct nd_rr rr;
		while (nd_rr_next(&iter, &rr))
			n++;
		if (n != rows[i].records || iter.err)
			fail_msg("%s: %d records, %d", rows[i].name, n, iter.err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_query_fields),
		cmocka_unit_test(test_response),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
