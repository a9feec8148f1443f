/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory around a wait or a sub-query: the query ends with SERVFAIL, the others are
 * answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/parts.h"
#include "support/rig.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAILS 0 /* the sanitizers have their own allocator */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define FAILS 0
#endif
#endif
#ifndef FAILS
#define FAILS 1
#endif

static unsigned fail_in; /* the n-th allocation from now on fails; 0: none */

#if FAILS
void *__libc_malloc(size_t n);
void *malloc(size_t n);

void *malloc(size_t n)
{
	if (fail_in && --fail_in == 0)
		return NULL;
	return __libc_malloc(n);
}
#endif

static struct nd_query_ref waiting;
static unsigned children; /* calls of on_child */

static bool named(const struct nd_query *q, const char *first)
{
	size_t n = strlen(first);
	return q->msg.qname.wire[0] == n && memcmp(q->msg.qname.wire + 1, first, n) == 0;
}

static void add_address(struct nd_query *q)
{
	static const uint8_t address[4] = { 10, 0, 0, 1 };

	assert_int_equal(nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_A, 30, address, 4), 0);
}

static enum nd_verdict on_child(const void *self, struct nd_query *q, struct nd_query *child)
{
	(void)self;
	children++;
	assert_int_equal(nd_answer_append(q, ND_SECTION_ANSWER, child, ND_SECTION_ANSWER), 0);
	return ND_DONE;
}

/* part, whole: waits, with or without a part of the answer; ask, askpart: asks whole.test. */
static enum nd_verdict query(const void *self, struct nd_query *q)
{
	struct nd_name_buf buf;
	struct nd_name name;

	(void)self;
	if (named(q, "part") || named(q, "askpart"))
		add_address(q);
	if (named(q, "ask") || named(q, "askpart")) {
		nd_name_parse("whole.test.", true, &buf, &name);
		return nd_query_ask(q, name, ND_TYPE_A, ND_ASK_SITE, on_child);
	}
	waiting = nd_query_park(q);
	return ND_WAIT;
}

static const struct nd_plugin waits = { .name = "waits", .query = query };
const struct nd_plugin *const nd_plugins[] = { &waits, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int open_rig(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n waits\n}\n");
	children = 0;
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void expect(const char *name, const char *text)
{
	fail_in = 0;
	if (strcmp(nd_rig_text(&rig), text) != 0)
		fail_msg("%s: got \"%s\", want \"%s\"", name, rig.text, text);
}

/* Each allocation of a query that is answered after a wait, failed in turn. */
static void test_out_of_memory(void **state)
{
	static const struct {
		const char *name, *question;
		unsigned fail_in, children;
		const char *reply;
	} rows[] = {
		{ "nothing fails", "part.test.", 0, 0, "NOERROR; AN part.test. 30 A 10.0.0.1" },
		{ "the partial answer", "part.test.", 1, 0, "SERVFAIL" },
		{ "nothing to keep", "whole.test.", 1, 0, "NOERROR" },
		{ "the output of a sub-query", "ask.test.", 1, 0, "SERVFAIL" },
		{ "its index", "ask.test.", 2, 0, "SERVFAIL" },
		{ "the parent's partial answer", "askpart.test.", 3, 0, "SERVFAIL" },
		{ "nothing fails below", "askpart.test.", 0, 1,
		  "NOERROR; AN askpart.test. 30 A 10.0.0.1" },
	};
	(void)state;

	for (size_t i = 0; FAILS && i < ND_COUNT(rows); i++) {
		open_rig(NULL);
		fail_in = rows[i].fail_in;
		nd_rig_ask(&rig, rows[i].question, ND_TYPE_A, 0, 0);
		fail_in = 0;
		nd_chain_resume(waiting, ND_DONE);
		if (rig.replies != 1 || children != rows[i].children)
			fail_msg("%s: %u replies, %u children read", rows[i].name, rig.replies,
				 children);
		expect(rows[i].name, rows[i].reply);
		assert_int_equal(rig.worker.nparked, 0);
		assert_int_equal(rig.worker.gen->queries, 0);
		close_rig(NULL);
	}
}

/* A request that does not fit into its slot: without its EDNS options it is another one. */
static void test_long_request(void **state)
{
	uint8_t bytes[1024];
	(void)state;

	for (unsigned fail = 0; fail <= FAILS; fail++) {
		size_t n = nd_rig_question(bytes, "whole.test.", ND_TYPE_A, 0, 1232);
		nd_writer_put16(bytes + n - 2, 604); /* one option (RFC 7830's padding) of 600 */
		nd_writer_put16(bytes + n, 12);
		nd_writer_put16(bytes + n + 2, 600);
		memset(bytes + n + 4, 0, 600);
		fail_in = fail;
		assert_false(nd_rig_send(&rig, bytes, n + 604, ND_PROTO_TCP));
		fail_in = 0;
		nd_chain_resume(waiting, ND_DONE);
		assert_int_equal(rig.replies, fail + 1);
		expect("long request", fail ? "SERVFAIL" : "NOERROR");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test_setup_teardown(test_long_request, open_rig, close_rig),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
