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
#include "wire/rr.h"
#include "wire/type.h"
#include "wire/writer.h"

static struct nd_name parsed(const char *text, struct nd_name_buf *buf)
{
	struct nd_name name;
	assert_int_equal(nd_name_parse(text, false, buf, &name), 0);
	return name;
}

/* A header and a question for www.example.org. */
static struct nd_writer with_question(uint8_t *bytes, size_t cap)
{
	struct nd_writer w = nd_writer_over(bytes, cap);
	struct nd_name_buf buf;

	nd_writer_bytes(&w, "\0\1\x81\x80\0\1\0\0\0\0\0\0", 12);
	nd_writer_name_plain(&w, parsed("wWw.example.org.", &buf));
	nd_writer_u32(&w, 0x00010001);
	nd_writer_know(&w, 12);
	return w;
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *want;
		size_t n;
	} rows[] = {
		/* in sequence in one message; the first starts at 33 */
		{ "www.example.org.", "\xc0\14", 2 },
		{ "WWW.EXAMPLE.ORG.", "\xc0\14", 2 },
		{ "example.org.", "\xc0\20", 2 },
		{ "org.", "\xc0\x18", 2 },
		{ ".", "\0", 1 },
		{ "a.example.org.", "\1a\xc0\20", 4 },    /* at 42 */
		{ "b.a.Example.org.", "\1b\xc0\x2a", 4 }, /* at 46 */
		{ "x.b.a.example.org.", "\1x\xc0\x2e", 4 },
		{ "net.", "\3net\0", 5 },
		{ "other.net.", "\5other\xc0\x36", 8 },
		{ "ww.example.org.", "\2ww\xc0\20", 5 },
		{ "example.org.net.", "\7example\3org\xc0\x36", 14 },
	};
	uint8_t bytes[512];
	struct nd_writer w = with_question(bytes, sizeof bytes);
	(void)state;

	assert_int_equal(w.pos, 33);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf buf;
		size_t at = w.pos;
		nd_writer_name(&w, parsed(rows[i].name, &buf));
		if (w.err || w.pos - at != rows[i].n || memcmp(bytes + at, rows[i].want, rows[i].n))
			fail_msg("%s: %zu octets at %zu", rows[i].name, w.pos - at, at);
	}
}

/* With `exact` a name in other letter case is not compressed; the next one in that case points to
 * it. */
static void test_exact(void **state)
{
	static const struct {
		const char *name, *want;
		size_t n;
	} rows[] = {
		{ "WWW.EXAMPLE.ORG.", "\3WWW\7EXAMPLE\3ORG\0", 17 }, /* at 33 */
		{ "wWw.example.org.", "\xc0\14", 2 },
		{ "www.example.org.", "\3www\xc0\20", 6 },
		{ "a.EXAMPLE.ORG.", "\1a\xc0\x25", 4 },
		{ "a.example.org.", "\1a\xc0\20", 4 },
	};
	uint8_t bytes[512];
	struct nd_writer w = with_question(bytes, sizeof bytes);
	(void)state;

	w.exact = true;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf buf;
		size_t at = w.pos;
		nd_writer_name(&w, parsed(rows[i].name, &buf));
		if (w.pos - at != rows[i].n || memcmp(bytes + at, rows[i].want, rows[i].n) != 0)
			fail_msg("%s: written as %zu octets", rows[i].name, w.pos - at);
	}
}

/* An owner that views the question. */
static void test_name_in_place(void **state)
{
	uint8_t bytes[64];
	struct nd_writer w = with_question(bytes, sizeof bytes);
	(void)state;

	nd_writer_name(&w, nd_name_view(bytes + 12));
	assert_int_equal(w.pos, 35);
	assert_memory_equal(bytes + 33, "\xc0\14", 2);

	struct nd_name_buf buf;
	nd_writer_name(&w, parsed("example.org.", &buf));
	assert_int_equal(w.names, 1); /* bare pointers are not remembered */
}

/* A suffix of the question, viewed in the message: becomes a pointer without a comparison. */
static void test_view_of_message(void **state)
{
	uint8_t bytes[512];
	struct nd_writer w = with_question(bytes, sizeof bytes);
	struct nd_name tail = { .wire = bytes + 16, .len = 13, .labels = 2 };
	(void)state;

	w.exact = true;
	nd_writer_name(&w, tail);
	assert_int_equal(w.err, 0);
	assert_int_equal(w.pos, 35);
	assert_memory_equal(bytes + 33, "\xc0\20", 2);
	/* bytes after the end are not part of the message */
	tail.wire = bytes + 40;
	memcpy(bytes + 40, "\7example\3org", 13);
	nd_writer_name(&w, tail);
	assert_int_equal(w.pos, 37);
	assert_memory_equal(bytes + 35, "\xc0\20", 2);
}

static void test_rr_as_is(void **state)
{
	static const uint8_t rdata[] = "\2ns\xc0\20";
	uint8_t bytes[512];
	struct nd_writer w = with_question(bytes, sizeof bytes);
	struct nd_name owner = { .wire = bytes + 12, .len = 17, .labels = 3 };
	uint16_t ttl_at, rdata_at;
	(void)state;

	assert_int_equal(nd_writer_rr_as_is(&w, owner, ND_TYPE_NS, ND_CLASS_IN, 7, rdata, 5,
					    &ttl_at, &rdata_at),
			 0);
	assert_int_equal(ttl_at, 39);
	assert_int_equal(rdata_at, 45);
	assert_int_equal(w.pos, 50);
	assert_memory_equal(bytes + 33, "\xc0\14\0\2\0\1\0\0\0\7\0\5\2ns\xc0\20", 17);
}

static void test_plain(void **state)
{
	uint8_t bytes[128];
	struct nd_writer w = with_question(bytes, sizeof bytes);
	struct nd_name_buf buf;
	(void)state;

	nd_writer_name_plain(&w, parsed("example.org.", &buf));
	assert_int_equal(w.pos, 33 + 13);
	nd_writer_name_plain(&w, parsed("fresh.test.", &buf));
	size_t at = w.pos;
	nd_writer_name(&w, parsed("fresh.test.", &buf)); /* not remembered */
	assert_int_equal(w.pos - at, 12);
}

static void test_full_table(void **state)
{
	uint8_t bytes[4096];
	struct nd_writer w = with_question(bytes, sizeof bytes);
	(void)state;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++) {
			struct nd_name_buf buf;
			char text[16];
			snprintf(text, sizeof text, "n%d.", i);
			nd_writer_name(&w, parsed(text, &buf));
		}
	}
	assert_int_equal(w.err, 0);
	assert_int_equal(w.names, ND_WRITER_NAMES);
}

/* The reader returns every record as written. */
static void test_rr(void **state)
{
	static const struct {
		const char *name, *owner;
		uint16_t type;
		const char *rdata;
		size_t n, written; /* length of the record */
	} rows[] = {
		{ "A", "www.example.org.", ND_TYPE_A, "\1\2\3\4", 4, 2 + 10 + 4 },
		{ "NS", "example.org.", ND_TYPE_NS, "\2ns\7example\3org\0", 16, 2 + 10 + 5 },
		{ "MX", "example.org.", ND_TYPE_MX, "\0\5\2mx\7example\3org\0", 18, 2 + 10 + 7 },
		{ "SRV", "example.org.", ND_TYPE_SRV, "\0\1\0\2\0\3\2ns\7example\3org\0", 22,
		  2 + 10 + 22 },
		{ "DNAME", "d.example.org.", ND_TYPE_DNAME, "\7example\3org\0", 13, 4 + 10 + 13 },
		{ "SOA", "example.org.", ND_TYPE_SOA,
		  "\2ns\7example\3org\0\1h\7example\3org\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5",
		  51, 2 + 10 + 2 + 4 + 20 },
		{ "rdata that does not match its layout", "example.org.", ND_TYPE_MX, "\0", 1,
		  2 + 10 + 1 },
		{ "name cut in its rdata", "example.org.", ND_TYPE_NS, "\2n", 2, 2 + 10 + 2 },
		{ "no rdata", "example.org.", ND_TYPE_NS, "", 0, 2 + 10 },
	};
	uint8_t bytes[1024];
	struct nd_writer w = with_question(bytes, sizeof bytes);
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name_buf buf;
		uint16_t ttl_at, rdata_at;
		uint8_t out[64];
		size_t at = w.pos;
		struct nd_name owner = parsed(rows[i].owner, &buf), back;
		int ret = nd_writer_rr(&w, owner, rows[i].type, 1, 3600,
				       (const uint8_t *)rows[i].rdata, rows[i].n, &ttl_at,
				       &rdata_at);
		if (ret || w.pos - at != rows[i].written)
			fail_msg("%s: %d, %zu octets", rows[i].name, ret, w.pos - at);
		struct nd_reader r = nd_reader_over(bytes, w.pos);
		r.pos += at;
		assert_int_equal(nd_name_read(&r, false, &buf, &back), 0);
		assert_int_equal(nd_reader_u16(&r), rows[i].type);
		assert_int_equal(nd_reader_u16(&r), 1);
		assert_int_equal(nd_reader_offset(&r), ttl_at);
		assert_int_equal(nd_reader_u32(&r), 3600);
		uint16_t len = nd_reader_u16(&r);
		assert_int_equal(nd_reader_offset(&r), rdata_at);
		if ((size_t)rdata_at + len != w.pos)
			fail_msg("%s: length %u", rows[i].name, len);
		int n = nd_rr_expand_rdata(bytes, w.pos, rdata_at, len, rows[i].type, out,
					   sizeof out);
		if (n >= 0 && (n != (int)rows[i].n || memcmp(out, rows[i].rdata, rows[i].n)))
			fail_msg("%s: does not read back", rows[i].name);
	}
}

static void test_limit(void **state)
{
	static const uint8_t address[4] = { 1, 2, 3, 4 };
	uint8_t bytes[64];
	struct nd_name_buf buf;
	struct nd_name owner = parsed("fresh.test.", &buf);
	(void)state;

	for (size_t cap = 33; cap < 33 + 26; cap++) { /* too small for the record */
		struct nd_writer w = with_question(bytes, cap);
		struct nd_writer_mark before = nd_writer_mark(&w);
		assert_int_equal(nd_writer_rr(&w, owner, 1, 1, 1, address, 4, NULL, NULL),
				 ND_ELIMIT);
		assert_int_equal(w.pos, before.pos);
		assert_int_equal(w.names, before.names);
		assert_int_equal(w.err, 0);
	}
	struct nd_writer w = with_question(bytes, 33 + 26);
	assert_int_equal(nd_writer_rr(&w, owner, 1, 1, 1, address, 4, NULL, NULL), 0);
	nd_writer_u8(&w, 1);
	assert_int_equal(w.err, ND_ELIMIT);
	assert_int_equal(w.pos, 33 + 26);
}

/* A pointer in the question cannot cause a loop. */
static void test_odd_known(void **state)
{
	uint8_t bytes[64] = "\0\1\x81\x80\0\1\0\0\0\0\0\0\1a\xc0\14";
	struct nd_writer w = nd_writer_over(bytes, sizeof bytes);
	struct nd_name_buf buf;
	(void)state;

	w.pos = 16;
	nd_writer_know(&w, 12);
	nd_writer_name(&w, parsed("b.a.", &buf));
	assert_int_equal(w.pos, 16 + 5);
	assert_memory_equal(bytes + 16, "\1b\1a\0", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),           cmocka_unit_test(test_exact),
		cmocka_unit_test(test_name_in_place),   cmocka_unit_test(test_plain),
		cmocka_unit_test(test_full_table),      cmocka_unit_test(test_rr),
		cmocka_unit_test(test_view_of_message), cmocka_unit_test(test_rr_as_is),
		cmocka_unit_test(test_limit),           cmocka_unit_test(test_odd_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
