/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "upstream/reply.h"
#include "wire/type.h"

#define HEAD(flags, questions, answers) "\0\7" flags "\0" questions "\0" answers "\0\0\0\0"
#define QUESTION "\3www\4test\0\0\1\0\1"
#define OTHER "\3wwx\4test\0\0\1\0\1"
#define ADDRESS "\xc0\14\0\1\0\1\0\0\0\74\0\4\300\0\2\1"
#define THREE "\xc0\14\0\1\0\1\0\0\0\74\0\3\300\0\2"
#define FIVE "\xc0\14\0\1\0\1\0\0\0\74\0\5\300\0\2\1\1"
#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *name, *bytes;
	size_t n;
	bool cut, tcp;
	enum nd_reply_kind want;
	bool tc; /* ANSWER: made truncated */
} rows[] = {
	{ "an answer", BYTES(HEAD("\x81\x80", "\1", "\1") QUESTION ADDRESS), 0, 0, ND_REPLY_ANSWER,
	  false },
	{ "letters", BYTES(HEAD("\x81\x80", "\1", "\0") "\3wWw\4TEST\0\0\1\0\1"), 0, 0,
	  ND_REPLY_ANSWER, false },
	{ "another name", BYTES(HEAD("\x81\x80", "\1", "\1") OTHER ADDRESS), 0, 0, ND_REPLY_WRONG,
	  false },
	{ "another type", BYTES(HEAD("\x81\x80", "\1", "\0") "\3www\4test\0\0\2\0\1"), 0, 0,
	  ND_REPLY_WRONG, false },
	{ "another class", BYTES(HEAD("\x81\x80", "\1", "\0") "\3www\4test\0\0\1\0\3"), 0, 0,
	  ND_REPLY_WRONG, false },
	{ "a query", BYTES(HEAD("\x01\x80", "\1", "\0") QUESTION), 0, 0, ND_REPLY_WRONG, false },
	{ "no question", BYTES(HEAD("\x81\x80", "\0", "\0")), 0, 0, ND_REPLY_WRONG, false },
	{ "two questions", BYTES(HEAD("\x81\x80", "\2", "\0") QUESTION QUESTION), 0, 0,
	  ND_REPLY_WRONG, false },
	{ "three bytes", BYTES(HEAD("\x81\x80", "\1", "\1") QUESTION THREE), 0, 0, ND_REPLY_ANSWER,
	  true },
	{ "three bytes, TCP", BYTES(HEAD("\x81\x80", "\1", "\1") QUESTION THREE), 0, 1,
	  ND_REPLY_BROKEN, false },
	{ "five bytes", BYTES(HEAD("\x81\x80", "\1", "\1") QUESTION FIVE), 0, 0, ND_REPLY_BROKEN,
	  false },
	{ "five bytes, another name", BYTES(HEAD("\x81\x80", "\1", "\1") OTHER FIVE), 0, 0,
	  ND_REPLY_WRONG, false },
	{ "three bytes, another name", BYTES(HEAD("\x81\x80", "\1", "\1") OTHER THREE), 0, 0,
	  ND_REPLY_WRONG, false },
	{ "a cut datagram", BYTES(HEAD("\x81\x80", "\1", "\1") QUESTION ADDRESS), 1, 0,
	  ND_REPLY_ANSWER, true },
	{ "cut, another name", BYTES(HEAD("\x81\x80", "\1", "\1") OTHER ADDRESS), 1, 0,
	  ND_REPLY_WRONG, false },
	{ "cut in the question", BYTES(HEAD("\x81\x80", "\1", "\1") "\3ww"), 0, 0, ND_REPLY_WRONG,
	  false },
	{ "cut in the question, TCP", BYTES(HEAD("\x81\x80", "\1", "\1") "\3ww"), 0, 1,
	  ND_REPLY_BROKEN, false },
	{ "an error without question", BYTES(HEAD("\x81\x81", "\0", "\0")), 0, 0, ND_REPLY_BARE,
	  false },
	{ "records without question", BYTES(HEAD("\x81\x81", "\0", "\1") "\0\0\1\0\1\0\0\0\0\0\0"),
	  0, 0, ND_REPLY_WRONG, false },
	{ "above the limit", BYTES(HEAD("\x81\x80", "\1", "\3") QUESTION ADDRESS ADDRESS ADDRESS),
	  0, 0, ND_REPLY_ANSWER, true },
	{ "above the limit, TCP",
	  BYTES(HEAD("\x81\x80", "\1", "\3") QUESTION ADDRESS ADDRESS ADDRESS), 0, 1,
	  ND_REPLY_ANSWER, false },
};

static void test_read(void **state)
{
	static const uint8_t sent[] = HEAD("\x01\0", "\1", "\0") QUESTION, lower[] = "\3www\4test";
	struct nd_reply_query q = { .bytes = sent,
				    .name = nd_name_view(lower),
				    .qtype = ND_TYPE_A,
				    .qclass = ND_CLASS_IN,
				    .limit = 64 };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_reply r;
		q.tcp = rows[i].tcp;
		enum nd_reply_kind kind = nd_reply_read(&r, &q, (const uint8_t *)rows[i].bytes,
							rows[i].n, rows[i].cut);
		if (kind != rows[i].want || !!r.error != (kind == ND_REPLY_BROKEN))
			fail_msg("%s: %d", rows[i].name, kind);
		if (kind != ND_REPLY_ANSWER)
			continue;
		if (!!(r.msg.flags & ND_FLAG_TC) != rows[i].tc ||
		    (rows[i].tc && (r.msg.base != r.own || r.msg.count[1])))
			fail_msg("%s: flags %04x", rows[i].name, r.msg.flags);
		assert_true(nd_name_same(r.msg.qname, q.name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_read) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
