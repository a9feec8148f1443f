/* SPDX-License-Identifier: Apache-2.0 */
/* Newer answers before the TTL ends, stale ones after it: prefetch, hot answers, serve_stale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "plugin/cache/refresh.h"
#include "support/below.h"
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_cache;
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_cache, &nd_plugin_below, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static const char *const first[] = { "a.test. 10 A 10.0.0.1", NULL };
static const char *const second[] = { "a.test. 10 A 10.0.0.2", NULL };
static const char *const soa[] = { "+test. 10 SOA ns. h. 1 2 3 4 5", NULL };
static const char *const referral[] = { "+test. 10 NS ns.test.", NULL };

static struct nd_rig rig;

static void open_with(const char *options)
{
	char text[512];

	nd_below = (struct nd_below){ .rows = first };
	snprintf(text, sizeof text, ".:1053 {\n cache {\n%s\n }\n below\n}\n", options);
	nd_rig_open(&rig, text);
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void at_s(uint64_t s)
{
	rig.ahead_ns = ND_S(s);
}

/* The reply to a.test A; "" without one. */
static const char *ask(void)
{
	return nd_rig_ask(&rig, "a.test.", ND_TYPE_A, ND_FLAG_RD, 0) ? nd_rig_text(&rig) : "";
}

static unsigned metric(const char *name)
{
	char start[128];

	snprintf(start, sizeof start, "\n%s{", name);
	const char *at = strstr(nd_rig_metrics(&rig), start);
	at = at ? strstr(at, "} ") : NULL;
	return at ? (unsigned)strtoul(at + 2, NULL, 10) : 0;
}

#define ANSWER(ttl, address) "NOERROR; AN a.test. " ttl " A 10.0.0." address
#define DENIAL "NXDOMAIN; NS test. 10 SOA ns. h. 1 2 3 4 5"

static void test_prefetch(void **state)
{
	(void)state;
	open_with("prefetch 3 1m 40%");
	assert_string_equal(ask(), ANSWER("10", "1"));
	nd_below.rows = second;
	nd_below.waits = true;
	for (unsigned i = 0; i < 4; i++) { /* enough hits, but too early */
		at_s(i);
		ask();
	}
	assert_int_equal(nd_below.queries, 1);
	at_s(6);
	for (unsigned i = 0; i < 5; i++) /* 4 of 10 s are left: one refresh */
		assert_string_equal(ask(), ANSWER("4", "1"));
	assert_int_equal(nd_below.queries, 2);
	assert_int_equal(metric("coredns_cache_prefetch_total"), 1);
	assert_int_equal(nd_below.seen_flags, ND_FLAG_RD | ND_FLAG_AD);
	unsigned replies = rig.replies;
	nd_below_release();
	assert_int_equal(rig.replies, replies); /* there is no client */
	assert_string_equal(ask(), ANSWER("10", "2"));
	/* The new answer keeps the hits. */
	at_s(6 + 6);
	assert_string_equal(ask(), ANSWER("4", "2"));
	assert_int_equal(nd_below.queries, 3);
	assert_int_equal(nd_below.nwaiting, 1);
	/* The refresh fails: the answer stays until its TTL ends, and is refreshed again. */
	nd_below.fails = true;
	nd_below.rcode = ND_RCODE_SERVFAIL;
	nd_below_release();
	assert_string_equal(ask(), ANSWER("4", "2"));
	assert_int_equal(nd_below.queries, 4);
}

static void test_prefetch_wants_hits_without_gaps(void **state)
{
	(void)state;
	open_with("prefetch 3 2s 90%");
	ask();
	for (unsigned i = 1; i <= 3; i++) {
		at_s(3 * i);
		ask();
	}
	assert_int_equal(nd_below.queries, 1);
	close_rig(NULL);
	open_with("prefetch 0");
	for (unsigned i = 0; i < 10; i++) {
		at_s(i);
		ask();
	}
	assert_int_equal(nd_below.queries, 1);
}

static void test_hot_answers_are_refreshed(void **state)
{
	(void)state;
	open_with("");
	for (unsigned i = 0; i < 9; i++) {
		at_s(i);
		ask();
	}
	assert_int_equal(nd_below.queries, 1);
	at_s(9);
	nd_below.rows = second;
	assert_string_equal(ask(), ANSWER("1", "1"));
	assert_int_equal(nd_below.queries, 2);
	assert_string_equal(ask(), ANSWER("10", "2"));
	assert_int_equal(metric("nodens_cache_hot_refreshes_total"), 1);
	assert_int_equal(metric("coredns_cache_prefetch_total"), 0);
	/* One that is asked for seldom is not. */
	at_s(9 + 9);
	ask();
	assert_int_equal(nd_below.queries, 2);
}

static void test_stale_at_once(void **state)
{
	(void)state;
	open_with("serve_stale 1m");
	ask();
	at_s(10);
	nd_below.waits = true;
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(ask(), ANSWER("0", "1"));
	assert_int_equal(nd_below.queries, 2);
	assert_int_equal(metric("coredns_cache_served_stale_total"), 3);
	assert_int_equal(metric("coredns_cache_prefetch_total"), 1);
	/* Failed, truncated or odd answers do not replace it. */
	static const struct {
		uint16_t rcode, flags;
	} bad[] = { { ND_RCODE_SERVFAIL, 0 },
		    { ND_RCODE_REFUSED, 0 },
		    { ND_RCODE_NOERROR, ND_FLAG_TC } };
	for (size_t i = 0; i < ND_COUNT(bad); i++) {
		nd_below.rcode = bad[i].rcode;
		nd_below.flags = bad[i].flags;
		nd_below_release();
		assert_string_equal(ask(), ANSWER("0", "1"));
		assert_int_equal(nd_below.queries, 3 + i);
	}
	/* A good one does. */
	nd_below.rcode = ND_RCODE_NOERROR;
	nd_below.flags = 0;
	nd_below.rows = second;
	nd_below_release();
	assert_string_equal(ask(), ANSWER("10", "2"));
	/* And is used until the minute is over. */
	at_s(10 + 10 + 59);
	assert_string_equal(ask(), ANSWER("0", "2"));
	nd_below.rcode = ND_RCODE_SERVFAIL;
	nd_below_release();
	at_s(10 + 10 + 60);
	nd_below.waits = false;
	nd_below.rows = NULL;
	assert_string_equal(ask(), "SERVFAIL");
}

static void test_stale_until_a_denial(void **state)
{
	(void)state;
	open_with("serve_stale 1h immediate 30s");
	ask();
	at_s(10);
	nd_below.rows = soa;
	nd_below.rcode = ND_RCODE_NXDOMAIN;
	assert_string_equal(ask(), ANSWER("30", "1"));
	assert_string_equal(ask(), "NXDOMAIN; NS test. 10 SOA ns. h. 1 2 3 4 5");
	/* The denial may be stale, too. */
	at_s(20);
	nd_below.rows = second;
	nd_below.rcode = ND_RCODE_NOERROR;
	assert_string_equal(ask(), "NXDOMAIN; NS test. 30 SOA ns. h. 1 2 3 4 5");
	assert_string_equal(ask(), ANSWER("10", "2"));
}

static void test_recheck(void **state)
{
	(void)state;
	open_with("serve_stale 1h immediate 0s 5s");
	ask();
	at_s(10);
	nd_below.rcode = ND_RCODE_SERVFAIL;
	for (unsigned i = 0; i < 10; i++)
		assert_string_equal(ask(), ANSWER("0", "1"));
	assert_int_equal(nd_below.queries, 2);
	at_s(14);
	ask();
	assert_int_equal(nd_below.queries, 2);
	at_s(16);
	ask();
	assert_int_equal(nd_below.queries, 3);
}

static void test_verify(void **state)
{
	static const struct {
		const char *name;
		const char *const *rows;
		uint16_t rcode, flags;
		bool fails;
		const char *answer, *then;
	} rows[] = {
		{ "a new answer", second, 0, 0, false, ANSWER("10", "2"), ANSWER("10", "2") },
		{ "a denial", soa, ND_RCODE_NXDOMAIN, 0, false, DENIAL,
		  "NXDOMAIN; NS test. 10 SOA ns. h. 1 2 3 4 5" },
		{ "SERVFAIL", NULL, ND_RCODE_SERVFAIL, 0, false, ANSWER("0", "1"),
		  ANSWER("0", "1") },
		{ "REFUSED", NULL, ND_RCODE_REFUSED, 0, false, ANSWER("0", "1"), ANSWER("0", "1") },
		{ "no reply", NULL, ND_RCODE_SERVFAIL, 0, true, ANSWER("0", "1"),
		  ANSWER("0", "1") },
		{ "truncated", second, 0, ND_FLAG_TC, false, ANSWER("0", "1"), ANSWER("0", "1") },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		open_with("serve_stale 1h verify");
		ask();
		at_s(10);
		nd_below.rows = rows[i].rows;
		nd_below.rcode = rows[i].rcode;
		nd_below.flags = rows[i].flags;
		nd_below.fails = rows[i].fails;
		if (strcmp(ask(), rows[i].answer) != 0)
			fail_msg("%s: %s", rows[i].name, rig.text);
		if (strcmp(ask(), rows[i].then) != 0)
			fail_msg("%s, then: %s", rows[i].name, rig.text);
		if (i + 1 < ND_COUNT(rows))
			close_rig(NULL);
	}
}

/* The query waits below when it is cancelled. */
static void test_verify_out_of_time(void **state)
{
	(void)state;
	open_with("serve_stale 1h verify");
	ask();
	at_s(10);
	nd_below.waits = true;
	assert_string_equal(ask(), "");
	unsigned before = rig.replies;
	nd_rig_reload(&rig, ".:1053 {\n below\n}\n");
	nd_worker_leave(&rig.worker);
	assert_int_equal(rig.replies, before + 1);
	assert_string_equal(nd_rig_text(&rig), ANSWER("0", "1"));
	assert_int_equal(nd_below.cancelled, 1);
	assert_int_equal(nd_worker_adopt(&rig.worker, rig.gen), 0);
}

static void test_verify_with_a_timeout(void **state)
{
	(void)state;
	open_with("serve_stale 1h verify 100ms");
	ask();
	at_s(10);
	nd_below.waits = true;
	nd_below.rows = second;
	/* One client waits for the refresh; meanwhile others get the stale answer at once. */
	assert_string_equal(ask(), "");
	assert_string_equal(ask(), ANSWER("0", "1"));
	assert_int_equal(nd_below.queries, 2);
	unsigned before = rig.replies + 2; /* with two more */
	nd_below_release();
	assert_int_equal(rig.replies, before - 1);
	assert_string_equal(nd_rig_text(&rig), ANSWER("10", "2"));
	/* The refresh is too late for the client, and in time for the next. */
	at_s(20);
	nd_below.rows = first;
	assert_string_equal(ask(), "");
	nd_rig_run(&rig, 60);
	assert_int_equal(rig.replies, before - 1);
	nd_rig_run(&rig, 150);
	assert_int_equal(rig.replies, before);
	assert_string_equal(nd_rig_text(&rig), ANSWER("0", "2"));
	nd_below_release();
	assert_int_equal(rig.replies, before);
	assert_string_equal(ask(), ANSWER("10", "1"));
	/* It fails at once: so does the wait. */
	at_s(30);
	nd_below.waits = false;
	nd_below.rcode = ND_RCODE_SERVFAIL;
	assert_string_equal(ask(), ANSWER("0", "1"));
}

/* The clients go away, or the worker ends, while they wait. */
static void test_verify_cancelled(void **state)
{
	(void)state;
	open_with("serve_stale 1h verify 5s");
	ask();
	at_s(10);
	nd_below.waits = true;
	assert_string_equal(ask(), "");
	nd_origin_drop(&rig.origin);
	assert_int_equal(nd_worker_waiting(&rig.worker), 1); /* the refresh */
	assert_string_equal(ask(), ANSWER("0", "1"));
	nd_below_release();
	assert_string_equal(ask(), ANSWER("10", "1"));
	at_s(20);
	assert_string_equal(ask(), ""); /* ends with the rig */
}

static void test_prefer_positive(void **state)
{
	(void)state;
	open_with("serve_stale 1h\nserve_stale_policy prefer_positive");
	ask();
	at_s(10);
	nd_below.rows = soa;
	nd_below.rcode = ND_RCODE_NXDOMAIN;
	for (unsigned i = 0; i < 3; i++) /* the denial is kept, and not preferred */
		assert_string_equal(ask(), ANSWER("0", "1"));
	nd_below.rows = referral; /* NOERROR, but no answer */
	nd_below.rcode = ND_RCODE_NOERROR;
	assert_string_equal(ask(), ANSWER("0", "1"));
	assert_string_equal(ask(), ANSWER("0", "1"));
	nd_below.rows = second;
	assert_string_equal(ask(), ANSWER("0", "1"));
	assert_string_equal(ask(), ANSWER("10", "2"));
	/* After the good answer's time the denial is used, stale or not. */
	at_s(20);
	nd_below.rows = soa;
	nd_below.rcode = ND_RCODE_NXDOMAIN;
	ask();
	at_s(20 + 3600);
	nd_below.fails = true;
	assert_string_equal(ask(), "NXDOMAIN; NS test. 0 SOA ns. h. 1 2 3 4 5");
}

static void test_prefer_positive_and_verify(void **state)
{
	(void)state;
	open_with("serve_stale 1h verify\nserve_stale_policy prefer_positive");
	ask();
	at_s(10);
	nd_below.rows = soa;
	nd_below.rcode = ND_RCODE_NXDOMAIN;
	assert_string_equal(ask(), ANSWER("0", "1"));
	nd_below.rows = second;
	nd_below.rcode = ND_RCODE_NOERROR;
	assert_string_equal(ask(), ANSWER("10", "2"));
}

/* However many names are asked for, few refreshes run, and clients' queries keep their room. */
static void test_refreshes_are_bounded(void **state)
{
	enum { NAMES = 60, MOST = 16 }; /* a quarter of the rig's 64 */
	static char text[NAMES][64];
	static const char *rows[NAMES + 1];
	(void)state;

	open_with("serve_stale 1h");
	for (unsigned i = 0; i < NAMES; i++) {
		char name[32];
		snprintf(text[i], sizeof text[i], "n%u.test. 10 A 10.0.0.1", i);
		snprintf(name, sizeof name, "n%u.test.", i);
		rows[0] = text[i];
		nd_below.rows = rows;
		assert_true(nd_rig_ask(&rig, name, ND_TYPE_A, ND_FLAG_RD, 0));
	}
	at_s(10);
	nd_below.waits = true;
	nd_below.queries = 0;
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 0; i < NAMES; i++) {
			char name[32];
			snprintf(name, sizeof name, "n%u.test.", i);
			assert_true(nd_rig_ask(&rig, name, ND_TYPE_A, ND_FLAG_RD, 0));
		}
	}
	assert_int_equal(nd_below.queries, MOST);
	assert_int_equal(nd_below.nwaiting, MOST);
	assert_int_equal(metric("coredns_cache_served_stale_total"), 3 * NAMES);
	assert_int_equal(metric("coredns_cache_prefetch_total"), MOST);
	assert_int_equal(metric("nodens_cache_refreshes_refused_total"), 3 * (NAMES - MOST));
	nd_below_release();
	assert_true(nd_rig_ask(&rig, "n59.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_int_equal(nd_below.queries, MOST + 1);
}

/* A mark whose refresh never ends does not last. */
static void test_mark_ends_by_itself(void **state)
{
	(void)state;
	open_with("serve_stale 1h");
	ask();
	at_s(10);
	nd_below.waits = true;
	ask();
	at_s(10 + ND_REFRESH_MARK_S - 1);
	ask();
	assert_int_equal(nd_below.queries, 2);
	at_s(10 + ND_REFRESH_MARK_S + 1);
	ask();
	assert_int_equal(nd_below.queries, 3);
}

/* A long answer came over TCP: over UDP it would be cut, and not kept. */
static void test_long_answers_over_tcp(void **state)
{
	static char text[40][40];
	static const char *rows[41];
	(void)state;

	open_with("serve_stale 1h");
	for (unsigned i = 0; i < 40; i++) {
		snprintf(text[i], sizeof text[i], "a.test. 10 A 10.0.0.%u", i);
		rows[i] = text[i];
	}
	nd_below.rows = rows;
	uint8_t m[512];
	size_t n = nd_rig_question(m, "a.test.", ND_TYPE_A, ND_FLAG_RD, 0);
	assert_true(nd_rig_send(&rig, m, n, ND_PROTO_TCP));
	at_s(10);
	ask();
	assert_int_equal(nd_below.seen_proto, ND_PROTO_TCP);
	nd_below.rows = first;
	at_s(20);
	ask();
	at_s(30);
	ask();
	assert_int_equal(nd_below.seen_proto, ND_PROTO_UDP);
}

static void test_refused_options(void **state)
{
	static const struct {
		const char *option, *says;
	} rows[] = {
		{ "prefetch", "prefetch takes" },
		{ "prefetch -1", "invalid prefetch amount \"-1\"" },
		{ "prefetch 1 x", "invalid prefetch duration \"x\"" },
		{ "prefetch 1 1m 5%", "invalid prefetch percentage \"5%\"" },
		{ "prefetch 1 1m 10", "invalid prefetch percentage \"10\"" },
		{ "serve_stale x", "invalid serve_stale duration \"x\"" },
		{ "serve_stale -1s", "invalid serve_stale duration \"-1s\"" },
		{ "serve_stale 1h later", "invalid serve_stale mode \"later\"" },
		{ "serve_stale 1h verify x", "invalid serve_stale timeout \"x\"" },
		{ "serve_stale 1h immediate 500ms", "invalid serve_stale TTL \"500ms\"" },
		{ "serve_stale 1h immediate 1s 6m", "invalid serve_stale recheck \"6m\"" },
		{ "serve_stale 1h immediate 1s 1m 1s", "too many words" },
		{ "serve_stale 1h verify 1s 1s 1m 1s", "too many words" },
		{ "serve_stale_policy prefer_positive", "requires serve_stale" },
		{ "serve_stale\nserve_stale_policy best", "invalid serve_stale_policy \"best\"" },
		{ "serve_stale\nserve_stale_policy prefer_positive\n"
		  "serve_stale_policy prefer_positive",
		  "given twice" },
	};
	char text[512];
	(void)state;

	open_with("");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		snprintf(text, sizeof text, ".:1053 {\n cache {\n%s\n }\n below\n}\n",
			 rows[i].option);
		const char *said = nd_rig_refuse(&rig, text);
		if (!strstr(said, rows[i].says))
			fail_msg("%s: %s", rows[i].option, said);
	}
}

#define TEST(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_prefetch),
		TEST(test_prefetch_wants_hits_without_gaps),
		TEST(test_hot_answers_are_refreshed),
		TEST(test_stale_at_once),
		TEST(test_stale_until_a_denial),
		TEST(test_recheck),
		TEST(test_verify),
		TEST(test_verify_out_of_time),
		TEST(test_verify_with_a_timeout),
		TEST(test_verify_cancelled),
		TEST(test_prefer_positive),
		TEST(test_prefer_positive_and_verify),
		TEST(test_refreshes_are_bounded),
		TEST(test_mark_ends_by_itself),
		TEST(test_long_answers_over_tcp),
		TEST(test_refused_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
