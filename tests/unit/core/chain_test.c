/* SPDX-License-Identifier: Apache-2.0 */
/* The driver, with plugins of this test: order, verdicts, waiting, sub-queries, cancelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/parts.h"
#include "support/rig.h"

static char calls[512]; /* functions called, in order */
static struct nd_query_ref waiting;
static unsigned cancelled;

static void note_call(const char *what)
{
	strncat(calls, what, sizeof calls - strlen(calls) - 1);
	strncat(calls, " ", sizeof calls - strlen(calls) - 1);
}

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

/* outer, inner: are called for every query and reply. */
static enum nd_verdict outer_query(const void *self, struct nd_query *q)
{
	(void)self;
	note_call("outer");
	nd_query_want_reply(q);
	nd_query_want_done(q);
	return ND_NEXT;
}

static void outer_reply(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	note_call("outer-reply");
}

static void outer_done(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	note_call("outer-done");
}

static enum nd_verdict inner_query(const void *self, struct nd_query *q)
{
	uint32_t *state = nd_query_state(q);

	(void)self;
	assert_int_equal(*state, 0);
	*state = 7;
	note_call("inner");
	nd_query_want_reply(q);
	return ND_NEXT;
}

static void inner_reply(const void *self, struct nd_query *q)
{
	uint32_t *state = nd_query_state(q);

	(void)self;
	assert_int_equal(*state, 7);
	note_call("inner-reply");
}

static bool named(const struct nd_query *q, const char *first)
{
	size_t n = strlen(first);
	return q->msg.qname.wire[0] == n && memcmp(q->msg.qname.wire + 1, first, n) == 0;
}

static enum nd_verdict add_address(struct nd_query *q, uint8_t last)
{
	uint8_t a[4] = { 10, 0, 0, last };

	assert_int_equal(nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_A, 30, a, 4), 0);
	return ND_DONE;
}

static enum nd_verdict on_child(const void *self, struct nd_query *q, struct nd_query *child)
{
	(void)self;
	note_call("child-done");
	assert_int_equal(child->rcode, ND_RCODE_NOERROR);
	assert_int_equal(nd_answer_append(q, ND_SECTION_ANSWER, child, ND_SECTION_ANSWER), 0);
	return ND_DONE;
}

static enum nd_verdict on_loop(const void *self, struct nd_query *q, struct nd_query *child)
{
	(void)self;
	q->rcode = child->rcode;
	return ND_DONE;
}

static enum nd_verdict ask_name(struct nd_query *q, const char *name, enum nd_ask_from from)
{
	struct nd_name_buf buf;
	struct nd_name n;

	nd_name_parse(name, true, &buf, &n);
	return nd_query_ask(q, n, ND_TYPE_A, from, on_child);
}

/* last: answers by the first label. */
static enum nd_verdict last_query(const void *self, struct nd_query *q)
{
	(void)self;
	if (named(q, "done"))
		return add_address(q, 1);
	if (named(q, "drop"))
		return ND_DROP;
	if (named(q, "fail"))
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "broken on purpose");
	if (named(q, "wait")) {
		add_address(q, 9); /* part of an answer, kept while it waits */
		q->ans.flags |= ND_FLAG_AA;
		waiting = nd_query_park(q);
		return ND_WAIT;
	}
	if (named(q, "ask"))
		return ask_name(q, "done.test.", ND_ASK_SITE);
	if (named(q, "below"))
		return ask_name(q, "done.test.", ND_ASK_BELOW);
	if (named(q, "askwait"))
		return ask_name(q, "wait.test.", ND_ASK_SITE);
	if (named(q, "loop"))
		return nd_query_ask(q, q->msg.qname, ND_TYPE_A, ND_ASK_SITE, on_loop);
	return ND_NEXT;
}

static void last_cancel(const void *self, struct nd_query_ref ref)
{
	(void)self;
	assert_ptr_equal(ref.q, waiting.q);
	cancelled++;
}

static enum nd_verdict under_query(const void *self, struct nd_query *q)
{
	(void)self;
	if (!named(q, "done"))
		return ND_NEXT;
	note_call("under");
	return add_address(q, 2);
}

/* seer, deep: have no query; before and after `last`. */
static void seer_reply(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	note_call("seer-reply");
}

static void seer_done(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	note_call("seer-done");
}

static void deep_reply(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	note_call("deep-reply");
}

static const struct nd_plugin
	outer = { .name = "outer",
		  .setup = no_setup,
		  .query = outer_query,
		  .reply = outer_reply,
		  .done = outer_done },
	inner = { .name = "inner",
		  .query_size = 4,
		  .setup = no_setup,
		  .query = inner_query,
		  .reply = inner_reply },
	last = { .name = "last", .setup = no_setup, .query = last_query, .cancel = last_cancel },
	under = { .name = "under", .setup = no_setup, .query = under_query },
	seer = { .name = "seer", .setup = no_setup, .reply = seer_reply, .done = seer_done },
	deep = { .name = "deep", .setup = no_setup, .reply = deep_reply };
const struct nd_plugin *const nd_plugins[] = { &outer, &inner, &seer, &last, &deep, &under, NULL };
const char *const nd_plugins_unsupported[] = { "later", "late no need", NULL };

/* In another order than the list, which counts. */
static const char corefile[] = ".:1053 {\n last\n deep\n seer\n under\n inner\n outer\n}\n";

static struct nd_rig rig;

static int open_rig(void **state)
{
	(void)state;
	nd_rig_open(&rig, corefile);
	calls[0] = '\0';
	cancelled = 0;
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static uint8_t last_byte(unsigned i)
{
	struct nd_rr rr;

	assert_true(nd_rig_record(&rig, i, &rr));
	assert_int_equal(rr.type, ND_TYPE_A);
	return rig.bytes[rr.rdata + 3];
}

static void test_order(void **state)
{
	(void)state;
	assert_true(nd_rig_ask(&rig, "done.test.", ND_TYPE_A, 0x0100, 0));
	assert_string_equal(calls,
			    "outer inner seer-reply inner-reply outer-reply seer-done outer-done ");
	assert_int_equal(last_byte(0), 1);
}

/* Plugins without `query` are called for the queries that passed them, and no others. */
static void test_without_query(void **state)
{
	(void)state;
	assert_true(nd_rig_ask(&rig, "other.test.", ND_TYPE_A, 0x0100, 0));
	assert_string_equal(calls, "outer inner deep-reply seer-reply inner-reply outer-reply "
				   "seer-done outer-done ");
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *name, *question;
		bool reply;
		unsigned rcode, records;
	} rows[] = {
		{ "done", "done.test.", true, ND_RCODE_NOERROR, 1 },
		{ "drop", "drop.test.", false, 0, 0 },
		{ "fail", "fail.test.", true, ND_RCODE_SERVFAIL, 0 },
		{ "ran out", "other.test.", true, ND_RCODE_SERVFAIL, 0 },
		{ "sub-query", "ask.test.", true, ND_RCODE_NOERROR, 1 },
		{ "a question that asks itself", "loop.test.", true, ND_RCODE_SERVFAIL, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		bool reply = nd_rig_ask(&rig, rows[i].question, ND_TYPE_A, 0x0100, 0);
		if (reply != rows[i].reply)
			fail_msg("%s: reply %d", rows[i].name, reply);
		if (reply &&
		    (nd_rig_rcode(&rig) != rows[i].rcode || rig.msg.count[1] != rows[i].records))
			fail_msg("%s: rcode %u, %u records", rows[i].name, nd_rig_rcode(&rig),
				 rig.msg.count[1]);
	}
	assert_int_equal(rig.worker.gen->queries, 0);
}

static void test_sub_query_below(void **state)
{
	(void)state;
	assert_true(nd_rig_ask(&rig, "below.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(calls, "outer inner under deep-reply child-done seer-reply inner-reply "
				   "outer-reply seer-done outer-done ");
	assert_int_equal(last_byte(0), 2);
}

static void test_wait_and_resume(void **state)
{
	(void)state;
	assert_false(nd_rig_ask(&rig, "WaIt.test.", ND_TYPE_A, 0x0100, 1232));
	assert_int_equal(rig.worker.nparked, 1);
	nd_chain_resume(waiting, ND_DONE);
	assert_int_equal(rig.replies, 1);
	assert_int_equal(last_byte(0), 9); /* the part written before the wait */
	assert_true(rig.msg.flags & ND_FLAG_AA);
	assert_memory_equal(rig.bytes + 13, "WaIt", 4);
	assert_true(rig.msg.edns.present);
	assert_int_equal(rig.worker.nparked, 0);
	nd_chain_resume(waiting, ND_DONE); /* stale: nothing happens */
	assert_int_equal(rig.replies, 1);
}

static void test_resume_next_runs_on(void **state)
{
	(void)state;
	assert_false(nd_rig_ask(&rig, "wait.test.", ND_TYPE_A, 0, 0));
	nd_chain_resume(waiting, ND_NEXT);
	assert_int_equal(rig.replies, 1);
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL); /* no plugin below answers it */
}

static void test_sub_query_waits(void **state)
{
	(void)state;
	assert_false(nd_rig_ask(&rig, "askwait.test.", ND_TYPE_A, 0, 0));
	assert_int_equal(rig.worker.nparked, 2); /* the child, and its parent */
	nd_chain_resume(waiting, ND_DONE);
	assert_int_equal(rig.replies, 1);
	assert_int_equal(last_byte(0), 9);
	assert_int_equal(rig.worker.nparked, 0);
	assert_int_equal(rig.worker.gen->queries, 0);
}

static void test_deadline(void **state)
{
	struct nd_query *q;
	(void)state;

	assert_false(nd_rig_ask(&rig, "wait.test.", ND_TYPE_A, 0, 0));
	q = nd_query_find(waiting);
	assert_non_null(q);
	q->slot.deadline_ns = nd_loop_now_ns(rig.loop);
	nd_timer_stop(&rig.worker.deadline);
	nd_worker_watch_deadline(&rig.worker);
	nd_rig_run(&rig, 20);
	assert_int_equal(cancelled, 1);
	assert_int_equal(rig.replies, 1);
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
	assert_null(nd_query_find(waiting));
}

static void test_client_gone(void **state)
{
	(void)state;

	assert_false(nd_rig_ask(&rig, "askwait.test.", ND_TYPE_A, 0, 0));
	nd_origin_drop(&rig.origin);
	assert_int_equal(cancelled, 1);
	assert_int_equal(rig.replies, 0);
	assert_int_equal(rig.worker.nparked, 0);
	assert_int_equal(rig.worker.gen->queries, 0);
}

static void test_full_slab_sheds_the_oldest(void **state)
{
	struct nd_query_ref first;
	(void)state;

	assert_false(nd_rig_ask(&rig, "wait.test.", ND_TYPE_A, 0, 0));
	first = waiting;
	for (unsigned i = 1; i < 64; i++)
		assert_false(nd_rig_ask(&rig, "wait.test.", ND_TYPE_A, 0, 0));
	struct nd_query_ref newest = waiting;
	waiting = first; /* cancel must be called for it */
	assert_true(nd_rig_ask(&rig, "done.test.", ND_TYPE_A, 0, 0));
	assert_int_equal(rig.worker.shed, 1);
	assert_int_equal(cancelled, 1);
	assert_null(nd_query_find(first));
	assert_non_null(nd_query_find(newest));
	assert_int_equal(rig.replies, 2); /* SERVFAIL for the shed one, and the answer */
	for (struct nd_list *it = rig.worker.parked.next; it != &rig.worker.parked;
	     it = rig.worker.parked.next) {
		struct nd_query *q = ND_LIST_ENTRY(it, struct nd_query, slot.link);
		nd_chain_resume((struct nd_query_ref){ q, q->slot.generation }, ND_DONE);
	}
}

static void test_reload_while_waiting(void **state)
{
	struct nd_gen *old = rig.gen;
	(void)state;

	assert_false(nd_rig_ask(&rig, "wait.test.", ND_TYPE_A, 0, 0));
	/* The old configuration lives until its last query ends. Only the worker holds it. */
	nd_rig_reload(&rig, ".:1053 {\n under\n}\n");
	assert_true(nd_rig_ask(&rig, "done.test.", ND_TYPE_A, 0, 0));
	assert_int_equal(last_byte(0), 2);
	assert_int_equal(old->workers, 1);
	nd_chain_resume(waiting, ND_DONE);
	assert_int_equal(last_byte(0), 9);
	assert_int_equal(old->workers, 0); /* nd_rig_close() frees it */
}

static void test_server_replies(void **state)
{
	static const struct {
		const char *name, *hex;
		bool reply;
		unsigned rcode, len;
	} rows[] = {
		{ "not a header", "1234010000", false, 0, 0 },
		{ "a response",
		  "12348100000100000000000001780474657374"
		  "0000010001",
		  false, 0, 0 },
		{ "opcode STATUS",
		  "123410000001000000000000"
		  "017804746573740000010001",
		  true, ND_RCODE_NOTIMP, 12 },
		{ "no question", "123401000000000000000000", true, ND_RCODE_FORMERR, 12 },
		{ "class CH",
		  "123401000001000000000000"
		  "017804746573740000010003",
		  true, ND_RCODE_REFUSED, 24 },
		{ "EDNS version 1",
		  "123401000001000000000001"
		  "01780474657374000001000100002904d0000100000000",
		  true, ND_RCODE_BADVERS, 35 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		uint8_t bytes[128];
		size_t n = strlen(rows[i].hex) / 2;
		for (size_t k = 0; k < n; k++)
			sscanf(rows[i].hex + 2 * k, "%2hhx", &bytes[k]);
		bool reply = nd_rig_send(&rig, bytes, n, ND_PROTO_UDP);
		if (reply != rows[i].reply)
			fail_msg("%s: reply %d", rows[i].name, reply);
		if (reply && (nd_rig_rcode(&rig) != rows[i].rcode || rig.len != rows[i].len))
			fail_msg("%s: rcode %u in %zu bytes", rows[i].name, nd_rig_rcode(&rig),
				 rig.len);
	}
	assert_string_equal(calls, "");
}

static void test_refused_corefiles(void **state)
{
	static const struct {
		const char *name, *text, *wants;
	} rows[] = {
		{ "unknown", ".:1053 {\n nonesuch\n}\n",
		  "Corefile:2 - Unknown directive 'nonesuch'" },
		{ "not supported", ".:1053 {\n\n later\n}\n",
		  "Corefile:3 - plugin/later is not supported yet; remove it" },
		{ "refused", ".:1053 {\n late\n}\n",
		  "Corefile:2 - plugin/late is not supported: no need; remove it" },
		{ "start of a name", ".:1053 {\n lat\n}\n",
		  "Corefile:2 - Unknown directive 'lat'" },
		{ "zone twice", "a.test:1053 {\n last\n}\nA.test.:1053 {\n last\n}\n",
		  "Corefile:4 - cannot serve dns://a.test.:1053" },
		{ "scheme", "tls://. {\n last\n}\n",
		  "Corefile:1 - \"tls://.\": tls:// is not supported yet" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g;
		if (nd_gen_from_text(&rig.process, "Corefile", rows[i].text, &g, &d) == 0)
			fail_msg("%s: accepted", rows[i].name);
		if (strncmp(d.text, rows[i].wants, strlen(rows[i].wants)) != 0)
			fail_msg("%s: %s", rows[i].name, d.text);
	}
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_order),
		RIG(test_without_query),
		RIG(test_verdicts),
		RIG(test_sub_query_below),
		RIG(test_wait_and_resume),
		RIG(test_resume_next_runs_on),
		RIG(test_sub_query_waits),
		RIG(test_deadline),
		RIG(test_client_gone),
		RIG(test_full_slab_sheds_the_oldest),
		RIG(test_reload_while_waiting),
		RIG(test_server_replies),
		RIG(test_refused_corefiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
