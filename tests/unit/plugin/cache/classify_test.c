/* SPDX-License-Identifier: Apache-2.0 */
/* What of an answer is kept, and what each client gets of it: flags, OPT, signatures, cut ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "support/below.h"
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_cache;
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_cache, &nd_plugin_below, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static const char *const address[] = { "a.test. 60 A 10.0.0.1", NULL };
static struct nd_rig rig;

static int open_rig(void **state)
{
	(void)state;
	nd_below = (struct nd_below){ .rows = address };
	nd_rig_open(&rig, ".:1053 {\n cache\n below\n}\n");
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

/* Asks for a.test A; the flags of the reply. */
static uint16_t ask(uint16_t flags, bool dnssec)
{
	uint8_t m[512];
	size_t n = nd_rig_question(m, "a.test.", ND_TYPE_A, flags, dnssec ? 1232 : 0);

	if (dnssec)
		m[n - 4] |= 0x80;
	assert_true(nd_rig_send(&rig, m, n, ND_PROTO_UDP));
	return rig.msg.flags;
}

static void test_ad_goes_to_clients_that_ask_for_it(void **state)
{
	(void)state;
	nd_below.flags = ND_FLAG_AD | ND_FLAG_RA;
	assert_false(ask(ND_FLAG_RD, false) & ND_FLAG_AD);
	assert_true(nd_below.seen_flags & ND_FLAG_AD); /* asked for, whatever the client asks */
	assert_true(ask(ND_FLAG_RD | ND_FLAG_AD, false) & ND_FLAG_AD);
	assert_false(ask(ND_FLAG_RD, false) & ND_FLAG_AD);
	assert_int_equal(nd_below.queries, 1);
	assert_true(ask(ND_FLAG_RD, true) & ND_FLAG_AD); /* DO */
	assert_true(ask(ND_FLAG_RD, true) & ND_FLAG_AD);
	assert_int_equal(nd_below.queries, 2);
	/* Neither from an answer that has none. */
	nd_below.flags = 0;
	assert_false(ask(ND_FLAG_RD | ND_FLAG_AD | ND_FLAG_CD, true) & ND_FLAG_AD);
	assert_false(ask(ND_FLAG_RD | ND_FLAG_AD | ND_FLAG_CD, true) & ND_FLAG_AD);
}

static void test_aa_and_ra_are_those_of_the_answer(void **state)
{
	(void)state;
	for (uint16_t flags = 0; flags <= ND_FLAG_AA; flags += ND_FLAG_AA) {
		close_rig(NULL);
		open_rig(NULL);
		nd_below.flags = ND_FLAG_RA | flags;
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(ask(ND_FLAG_RD, false) & (ND_FLAG_AA | ND_FLAG_RA),
					 ND_FLAG_RA | flags);
	}
}

static void test_opt_concerns_one_hop(void **state)
{
	static const uint8_t nsid[] = { 0, 3, 0, 1, 'x' };
	(void)state;

	nd_below.opt = nsid;
	nd_below.opt_len = sizeof nsid;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0x0100, 0));
		assert_false(rig.msg.edns.present);
		assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0x0110, 1400));
		assert_true(rig.msg.edns.present);
		assert_int_equal(rig.msg.edns.udp_size, 1400);
		assert_int_equal(rig.msg.edns.options_len, 0);
	}
	/* Without a cache a client with EDNS gets the options, as in CoreDNS. */
	nd_rig_reload(&rig, ".:1053 {\n below\n}\n");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0x0100, 0));
	assert_false(rig.msg.edns.present);
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0x0100, 1400));
	assert_int_equal(rig.msg.edns.options_len, sizeof nsid);
}

static void test_cut_answers_are_not_kept(void **state)
{
	(void)state;
	nd_below.flags = ND_FLAG_TC;
	assert_true(ask(ND_FLAG_RD, false) & ND_FLAG_TC);
	nd_below.flags = 0;
	assert_false(ask(ND_FLAG_RD, false) & ND_FLAG_TC);
	assert_int_equal(nd_below.queries, 2);
}

static const char *signature(char *to, size_t cap, time_t from, time_t until)
{
	char a[32], b[32];

	strftime(a, sizeof a, "%Y%m%d%H%M%S", gmtime(&until));
	strftime(b, sizeof b, "%Y%m%d%H%M%S", gmtime(&from));
	snprintf(to, cap, "a.test. 60 RRSIG A 13 2 60 %s %s 1 test. AAAA", a, b);
	return to;
}

static uint32_t ttl(void)
{
	struct nd_rr rr;

	ask(ND_FLAG_RD, true);
	assert_true(nd_rig_record(&rig, 0, &rr));
	return rr.ttl;
}

static void test_signatures(void **state)
{
	static const struct {
		const char *name;
		time_t from, until;   /* from now */
		uint32_t least, most; /* TTL */
		bool kept;
	} rows[] = {
		{ "valid for long", -3600, 3600, 60, 60, true },
		{ "expires before the TTL", -3600, 30, 28, 30, true },
		{ "expires before the minimum TTL", -3600, 3, 1, 3, true },
		{ "expired", -3600, -2, 5, 5, false },
		{ "not valid yet", 600, 3600, 5, 5, false },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[256];
		time_t now = time(NULL);
		const char *const signed_[] = {
			address[0],
			signature(text, sizeof text, now + rows[i].from, now + rows[i].until), NULL
		};
		close_rig(NULL);
		open_rig(NULL);
		nd_below.rows = signed_;
		uint32_t first = ttl();
		if (first < rows[i].least || first > rows[i].most)
			fail_msg("%s: TTL %u", rows[i].name, first);
		ttl();
		if (nd_below.queries != (rows[i].kept ? 1 : 2))
			fail_msg("%s: %u queries", rows[i].name, nd_below.queries);
	}
}

/* A plugin's fault, which must not reach other clients. */
static void test_answers_to_another_question(void **state)
{
	(void)state;
	nd_below.renames = true;
	nd_below.rows = NULL;
	ask(ND_FLAG_RD, false);
	assert_non_null(
		strstr(nd_rig_metrics(&rig),
		       "coredns_cache_drops_total{server=\"dns://:1053\",zones=\".\",view=\"\"} 1"));
	nd_below.renames = false;
	nd_below.rows = address;
	ask(ND_FLAG_RD, false);
	assert_int_equal(nd_below.queries, 2);
}

/* Nor is a stale answer used when its signature has expired. */
static void test_stale_signatures(void **state)
{
	char text[256];
	time_t now = time(NULL);
	const char *const rows[] = { address[0], signature(text, sizeof text, now - 60, now + 100),
				     NULL };
	(void)state;

	nd_rig_reload(&rig, ".:1053 {\n cache {\n serve_stale 1h\n }\n below\n}\n");
	nd_below.rows = rows;
	ttl();
	nd_below.fails = true;
	nd_below.rcode = ND_RCODE_SERVFAIL;
	rig.ahead_ns = ND_S(80);
	assert_int_equal(ttl(), 0);
	rig.ahead_ns = ND_S(101);
	ask(ND_FLAG_RD, true);
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_ad_goes_to_clients_that_ask_for_it),
		RIG(test_aa_and_ra_are_those_of_the_answer),
		RIG(test_opt_concerns_one_hop),
		RIG(test_cut_answers_are_not_kept),
		RIG(test_signatures),
		RIG(test_stale_signatures),
		RIG(test_answers_to_another_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
