/* SPDX-License-Identifier: Apache-2.0 */
/* The slab of queries under pressure: what is shed and what is not, sub-queries, memory, and whose
 * answer is open. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/budget.h"
#include "core/offer.h"
#include "core/parts.h"
#include "support/rig.h"

enum { ROOTS = 64, SLOTS = ROOTS + ND_QUERY_DEPTH_MAX };

static struct nd_rig rig;
static struct nd_query_ref waiting[2 * SLOTS];
static unsigned nwaiting, cancelled, overloaded;
static uint16_t child_rcode;

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static bool named(const struct nd_query *q, const char *first)
{
	size_t n = strlen(first);
	return q->msg.qname.wire[0] == n && memcmp(q->msg.qname.wire + 1, first, n) == 0;
}

static enum nd_verdict on_child(const void *self, struct nd_query *q, struct nd_query *child)
{
	(void)self;
	child_rcode = child->rcode;
	(void)nd_answer_append(q, ND_SECTION_ANSWER, child, ND_SECTION_ANSWER);
	return ND_DONE;
}

/* Writes a record first, which a query shed meanwhile would overwrite. */
static enum nd_verdict ask(struct nd_query *q, const char *text)
{
	struct nd_name_buf buf;
	struct nd_name name;

	assert_int_equal(nd_name_parse(text, true, &buf, &name), 0);
	assert_int_equal(nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_CNAME, 30, name.wire,
				       name.len),
			 0);
	return nd_query_ask(q, name, ND_TYPE_A, ND_ASK_SITE, on_child);
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	static const uint8_t address[4] = { 10, 0, 0, 1 };
	(void)self;

	if (named(q, "ask"))
		return ask(q, "wait.test.");
	if (named(q, "deep"))
		return ask(q, "ask.test.");
	if (named(q, "done")) {
		nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_A, 30, address, 4);
		return ND_DONE;
	}
	if (named(q, "nested")) /* a request that arrives while a query runs: our mistake */
		nd_rig_ask(&rig, "done.test.", ND_TYPE_A, 0, 0);
	if (named(q, "short")) {
		nd_query_note_shortage(q);
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	}
	if (named(q, "big"))
		assert_non_null(nd_query_alloc(q, 5000));
	if (named(q, "huge"))
		assert_null(nd_query_alloc(q, 5000));
	waiting[nwaiting++] = nd_query_park(q);
	return ND_WAIT;
}

static void cancel(const void *self, struct nd_query_ref ref)
{
	(void)self;
	assert_non_null(nd_query_find(ref));
	cancelled++;
}

static void reply(const void *self, struct nd_query *q)
{
	(void)self;
	overloaded += q->overload;
}

static const struct nd_plugin plugin = {
	.name = "answer", .setup = no_setup, .query = answer, .cancel = cancel
};
static const struct nd_plugin watcher = { .name = "watch", .setup = no_setup, .reply = reply };
const struct nd_plugin *const nd_plugins[] = { &watcher, &plugin, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static int open_rig(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n answer\n watch\n}\n");
	rig.worker.hash_key = (struct nd_siphash_key){ 1, 2 }; /* no two clients collide */
	nwaiting = cancelled = overloaded = 0;
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

/* Asks n times as the client 10.0.0.CLIENT. */
static void flood(uint8_t client, const char *name, unsigned n)
{
	rig.peer = nd_addr_from(AF_INET, (const uint8_t[]){ 10, 0, 0, client }, 4000);
	while (n-- > 0)
		nd_rig_ask(&rig, name, ND_TYPE_A, 0, 0);
}

static unsigned alive(unsigned from, unsigned n)
{
	unsigned found = 0;

	for (unsigned i = from; i < from + n; i++)
		found += nd_query_find(waiting[i]) != NULL;
	return found;
}

/* The oldest queries are those of another client, which has few. */
static void test_sheds_the_client_with_most(void **state)
{
	(void)state;
	flood(1, "wait.test.", 3);
	flood(2, "wait.test.", ROOTS - 3);
	assert_int_equal(rig.replies, 0);
	flood(3, "wait.test.", 10);
	assert_int_equal(rig.worker.shed, 10);
	assert_int_equal(cancelled, 10);
	assert_int_equal(rig.replies, 10);
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
	assert_int_equal(overloaded, 10);
	assert_int_equal(alive(0, 3), 3);
	assert_int_equal(alive(3, 10), 0); /* its oldest */
	assert_int_equal(alive(13, ROOTS), ROOTS - 3);
	assert_int_equal(rig.worker.nparked, ROOTS);
}

static void test_sheds_families(void **state)
{
	(void)state;
	flood(1, "deep.test.", ROOTS / 3); /* three levels each */
	assert_int_equal(rig.worker.nparked, ROOTS / 3 * 3);
	flood(2, "wait.test.", 2);
	assert_int_equal(rig.worker.shed, 1);
	assert_int_equal(cancelled, 1); /* of the deepest only */
	assert_int_equal(alive(0, 1), 0);
	assert_int_equal(rig.replies, 1);
	assert_int_equal(rig.worker.nparked, ROOTS / 3 * 3 - 1);
}

static void test_a_sub_query_never_sheds(void **state)
{
	unsigned n = 0;
	(void)state;

	flood(1, "wait.test.", ROOTS - 1);
	flood(2, "ask.test.", 1);
	assert_int_equal(rig.worker.nparked, ROOTS + 1); /* from the reserve */
	assert_int_equal(rig.worker.shed, 0);
	/* Queries resumed while the slab is full ask, until the reserve is used. */
	struct nd_query_page *p = ND_LIST_ENTRY(rig.worker.pages.next, struct nd_query_page, link);
	assert_non_null(p);
	while (nd_query_slot_take(&rig.worker)) /* held by no one until the slab is cleared */
		n++;
	assert_int_equal(n, SLOTS - ROOTS - 1);
	nd_chain_resume(waiting[0], ND_AGAIN); /* waits again */
	assert_int_equal(rig.worker.refused, 0);
	struct nd_query *q = nd_query_find(waiting[1]);
	nd_name_parse("ask.test.", true, &q->slot.name_buf, &q->msg.qname);
	nd_chain_resume(waiting[1], ND_AGAIN);
	assert_int_equal(rig.worker.refused, 1);
	assert_int_equal(rig.worker.shed, 0);
	assert_int_equal(rig.replies, 1);
	assert_string_equal(nd_rig_text(&rig), "SERVFAIL");
	assert_int_equal(overloaded, 1);
	rig.worker.gen->queries -= n;
}

/* A request costs no more than two families, also when the budget becomes smaller. */
static void test_budget(void **state)
{
	uint64_t page = nd_budget_used(ND_BUDGET_QUERIES);
	(void)state;

	assert_in_range(page, 1, 1 << 16);
	nd_budget_set(page * 16 / 5 + 16); /* one page for all queries */
	flood(1, "wait.test.", 2 * ROOTS);
	assert_int_equal(nd_budget_used(ND_BUDGET_QUERIES), page);
	assert_true(nd_budget_refused(ND_BUDGET_QUERIES) > 0);
	unsigned slots = rig.worker.nslots;
	assert_true(slots < ROOTS);
	assert_int_equal(rig.worker.nparked, slots - ND_QUERY_DEPTH_MAX);
	flood(2, "ask.test.", 1); /* a sub-query finds a slot */
	assert_int_equal(rig.worker.refused, 0);
	nd_budget_set((uint64_t)ND_BUDGET_DEFAULT_MIB << 20);
	flood(1, "big.test.", 1);
	assert_true(nd_budget_used(ND_BUDGET_QUERIES) > page);
}

/* Memory outside the slab is short: the client with most waiting queries has fewer, and others as
 * many as they want. Some time later the slab is used as before. */
static void test_shortage(void **state)
{
	(void)state;
	flood(1, "wait.test.", 3);
	flood(2, "wait.test.", 45);
	flood(3, "short.test.", 1);
	assert_int_equal(rig.worker.max_roots, 45);
	assert_int_equal(rig.worker.shed, 0); /* a query runs */
	flood(3, "wait.test.", 10);
	flood(2, "wait.test.", 10);
	assert_int_equal(rig.worker.nparked, 45);
	assert_int_equal(alive(0, 3), 3);
	assert_int_equal(alive(48, 10), 10);
	flood(3, "short.test.", 20);
	assert_int_equal(rig.worker.max_roots, 2 * ND_QUERY_DEPTH_MAX);
	assert_true(rig.worker.relax.node.linked);
	for (unsigned i = 0; i < 15; i++)
		if (rig.worker.relax.node.linked)
			rig.worker.relax.fn(&rig.worker.relax);
	assert_int_equal(rig.worker.max_roots, ROOTS);
	assert_int_equal(rig.worker.roots_cap, UINT32_MAX);
	/* The heap of queries counts too. */
	flood(4, "wait.test.", 30);
	nd_budget_set(nd_budget_used(ND_BUDGET_QUERIES) * 16 / 5 + 16);
	flood(4, "huge.test.", 1);
	assert_true(rig.worker.max_roots < ROOTS);
	nd_budget_set((uint64_t)ND_BUDGET_DEFAULT_MIB << 20);
}

static void test_memory_is_given_back(void **state)
{
	uint64_t page = nd_budget_used(ND_BUDGET_QUERIES);
	(void)state;

	flood(1, "wait.test.", ROOTS);
	assert_true(nd_budget_used(ND_BUDGET_QUERIES) > page);
	assert_true(rig.worker.trim.node.linked);
	rig.worker.trim.fn(&rig.worker.trim);
	assert_true(nd_budget_used(ND_BUDGET_QUERIES) > page); /* in use */
	nd_origin_drop(&rig.origin);
	for (unsigned i = 0; i < 3; i++)
		rig.worker.trim.fn(&rig.worker.trim);
	assert_int_equal(nd_budget_used(ND_BUDGET_QUERIES), page);
	flood(1, "wait.test.", ROOTS); /* and taken again */
	assert_int_equal(rig.worker.nparked, ROOTS);
	assert_int_equal(rig.worker.shed, 0);
}

static void count_release(struct nd_origin *o)
{
	(void)o;
	child_rcode++;
}

/* Dropping an origin costs its own queries only. */
static void test_origins(void **state)
{
	(void)state;
	flood(1, "wait.test.", 5);
	struct nd_origin other = rig.origin;
	nd_origin_init(&rig.origin, count_release);
	for (unsigned i = 0; i < 5; i++) /* moves the queries to the other origin */
		nd_query_find(waiting[i])->client.origin = &other;
	other.queries.next->prev = other.queries.prev->next = &other.queries;
	child_rcode = 0;
	flood(1, "ask.test.", 4);
	assert_int_equal(rig.origin.nqueries, 4);
	nd_origin_drop(&rig.origin);
	assert_int_equal(child_rcode, 4);
	assert_int_equal(rig.origin.nqueries, 0);
	assert_int_equal(alive(0, 5), 5);
	flood(1, "done.test.", 1);
	assert_int_equal(child_rcode, 4); /* it did not wait */
	nd_origin_drop(&other);
	assert_int_equal(rig.worker.nparked, 0);
}

/* The deadline of a client's query ends its sub-queries too. */
static void test_deadline_of_a_family(void **state)
{
	(void)state;
	flood(1, "deep.test.", 1);
	assert_int_equal(rig.worker.nparked, 3);
	struct nd_query *q = ND_LIST_ENTRY(rig.worker.parked.next, struct nd_query, slot.link);
	assert_int_equal(q->depth, 0);
	q->slot.deadline_ns = nd_loop_now_ns(rig.loop);
	nd_timer_stop(&rig.worker.deadline);
	nd_worker_watch_deadline(&rig.worker);
	nd_rig_run(&rig, 20);
	assert_int_equal(rig.worker.nparked, 0);
	assert_int_equal(rig.replies, 1);
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
}

/* In all builds. */
static void test_one_open_answer(void **state)
{
	int status;
	(void)state;

	pid_t child = fork();
	if (child == 0) {
		fclose(stderr);
		signal(SIGABRT, SIG_DFL);
		nd_rig_ask(&rig, "nested.test.", ND_TYPE_A, 0, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sheds_the_client_with_most),
		TEST(test_sheds_families),
		TEST(test_a_sub_query_never_sheds),
		TEST(test_budget),
		TEST(test_memory_is_given_back),
		TEST(test_origins),
		TEST(test_deadline_of_a_family),
		TEST(test_one_open_answer),
		TEST(test_shortage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
