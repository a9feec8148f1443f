/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "tools/bench/question.h"
#include "wire/msg.h"
#include "wire/type.h"
#include "wire/writer.h"

static struct nd_question ask(const char *text, struct nd_question_options o)
{
	struct nd_name_buf buf;
	struct nd_name name;
	struct nd_question q;

	assert_int_equal(nd_name_parse(text, false, &buf, &name), 0);
	assert_int_equal(nd_question_init(&q, name, ND_TYPE_A, o), 0);
	return q;
}

static void test_bytes(void **state)
{
	struct nd_question q = ask("www.test", (struct nd_question_options){ 1232, true });
	struct nd_name_buf buf;
	struct nd_msg m;
	(void)state;

	assert_int_equal(q.bytes[0] << 8 | q.bytes[1], q.len);
	assert_int_equal(nd_msg_parse_query(&m, q.bytes + 2, q.len, &buf), ND_MSG_OK);
	assert_int_equal(m.id, q.id);
	assert_int_equal(m.flags, ND_FLAG_RD | ND_FLAG_AD);
	assert_int_equal(m.qtype, ND_TYPE_A);
	assert_true(m.edns.present);
	assert_int_equal(m.edns.udp_size, 1232);
	q = ask("www.test", (struct nd_question_options){ 0 });
	assert_int_equal(nd_msg_parse_query(&m, q.bytes + 2, q.len, &buf), ND_MSG_OK);
	assert_false(m.edns.present);
	assert_int_equal(m.flags, ND_FLAG_RD);
}

enum spoil { NOTHING, ID, NAME, TYPE, CLASS, NOT_RESPONSE, CUT };

/* A response to q with one difference. */
static size_t respond(const struct nd_question *q, enum spoil spoil, uint16_t flags,
		      unsigned records, uint8_t to[512])
{
	struct nd_writer w = nd_writer_over(to, 512);
	struct nd_name name = nd_name_view(q->name_buf.bytes);
	static const uint8_t address[4] = { 192, 0, 2, 1 };

	nd_writer_u16(&w, (uint16_t)(q->id + (spoil == ID)));
	nd_writer_u16(&w, (uint16_t)(flags | (spoil == NOT_RESPONSE ? 0 : ND_FLAG_QR)));
	nd_writer_u16(&w, 1);
	nd_writer_u16(&w, (uint16_t)records);
	nd_writer_u32(&w, 0);
	nd_writer_name(&w, spoil == NAME ? nd_name_parent(name, 1) : name);
	nd_writer_u16(&w, spoil == TYPE ? ND_TYPE_AAAA : ND_TYPE_A);
	nd_writer_u16(&w, spoil == CLASS ? ND_CLASS_CH : ND_CLASS_IN);
	for (unsigned i = 0; i < records; i++)
		nd_writer_rr(&w, name, ND_TYPE_A, ND_CLASS_IN, 5, address, 4, NULL, NULL);
	return spoil == CUT ? 11 : w.pos;
}

static void test_answer(void **state)
{
	static const struct {
		const char *name;
		enum spoil spoil;
		uint16_t flags;
		unsigned records;
		bool taken, truncated, lame;
		unsigned rcode;
	} rows[] = {
		{ "an answer", NOTHING, ND_FLAG_RA, 2, true, false, false, 0 },
		{ "another id", ID, ND_FLAG_RA, 1, false, false, false, 0 },
		{ "another name", NAME, ND_FLAG_RA, 1, false, false, false, 0 },
		{ "another type", TYPE, ND_FLAG_RA, 1, false, false, false, 0 },
		{ "another class", CLASS, ND_FLAG_RA, 1, false, false, false, 0 },
		{ "a question", NOT_RESPONSE, 0, 1, false, false, false, 0 },
		{ "cut in the header", CUT, ND_FLAG_RA, 1, false, false, false, 0 },
		{ "truncated", NOTHING, ND_FLAG_RA | ND_FLAG_TC, 0, true, true, false, 0 },
		{ "NXDOMAIN", NOTHING, ND_FLAG_RA | 3, 0, true, false, false, 3 },
		{ "lame", NOTHING, 0, 0, true, false, true, 0 },
		{ "empty, with authority", NOTHING, ND_FLAG_AA, 0, true, false, false, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_question q = ask("www.test", (struct nd_question_options){ 0 });
		uint8_t bytes[512];
		size_t n = respond(&q, rows[i].spoil, rows[i].flags, rows[i].records, bytes);
		bool taken = nd_question_answer(&q, bytes, n);
		if (taken != rows[i].taken || q.answered != taken)
			fail_msg("%s: accepted %d", rows[i].name, taken);
		if (taken && (q.truncated != rows[i].truncated || q.lame != rows[i].lame ||
			      q.rcode != rows[i].rcode || q.records != rows[i].records))
			fail_msg("%s: truncated %d lame %d rcode %u records %u", rows[i].name,
				 q.truncated, q.lame, q.rcode, q.records);
	}
}

static void test_reset(void **state)
{
	struct nd_question q = ask("www.test", (struct nd_question_options){ 0 });
	uint8_t bytes[512];
	uint16_t id = q.id;
	(void)state;

	assert_true(nd_question_answer(&q, bytes, respond(&q, NOTHING, 0, 1, bytes)));
	nd_question_reset(&q, false);
	assert_true(!q.answered && q.records == 0 && q.id == id);
	/* One in 65,536 IDs is the same again; four in a row are not. */
	for (int i = 0; i < 4 && q.id == id; i++)
		nd_question_reset(&q, true);
	assert_int_not_equal(q.id, id);
	assert_int_equal(q.bytes[2] << 8 | q.bytes[3], q.id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
