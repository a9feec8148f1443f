/* SPDX-License-Identifier: Apache-2.0 */
/* Which queries are dropped, late or truncated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void open_rig(const char *options, bool first)
{
	char text[512];

	snprintf(text, sizeof text, ".:1053 {\n erratic {\n %s\n }\n}\n", options);
	if (first)
		nd_rig_open(&rig, text);
	else
		nd_rig_reload(&rig, text);
}

/* What the next 8 queries get at once: a letter for each. */
static const char *pattern(uint16_t type)
{
	static char text[9];

	for (unsigned i = 0; i < 8; i++)
		text[i] = !nd_rig_ask(&rig, "a.test.", type, 0, 0) ? '-'
			  : rig.msg.flags & ND_FLAG_TC             ? 't'
			  : nd_rig_rcode(&rig)                     ? 'f'
								   : '+';
	return text;
}

static void test_patterns(void **state)
{
	static const struct {
		const char *options;
		uint16_t type;
		const char *pattern;
	} rows[] = {
		{ "", 1, "-+-+-+-+" },
		{ "", 15, "-f-f-f-f" },
		{ "drop", 1, "-+-+-+-+" },
		{ "drop 0", 1, "++++++++" },
		{ "drop 0", 15, "ffffffff" },
		{ "drop 3", 28, "-++-++-+" },
		{ "truncate", 1, "tt++tt++" },
		{ "truncate 1", 1, "t+t+t+t+" },
		{ "truncate 4", 1, "tttt++++" },
		{ "truncate\n drop 3", 1, "-t+-tt-+" },
		{ "drop\n truncate", 1, "tt++tt++" },
		{ "delay 0", 1, "-+-+-+-+" },
		{ "delay 2 0s", 1, "++++++++" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		open_rig(rows[i].options, i == 0);
		const char *got = pattern(rows[i].type);
		if (strcmp(got, rows[i].pattern) != 0)
			fail_msg("%s: %s, want %s", rows[i].options, got, rows[i].pattern);
	}
}

static void test_records(void **state)
{
	(void)state;
	open_rig("drop 0", true);
	nd_rig_ask(&rig, "A.test.", ND_TYPE_A, 0, 0);
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN A.test. 0 A 192.0.2.53");
	nd_rig_ask(&rig, "A.test.", ND_TYPE_AAAA, 0, 0);
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN A.test. 0 AAAA 2001:db8::53");
	nd_rig_ask(&rig, "test.", ND_TYPE_AXFR, 0, 0);
	assert_string_equal(nd_rig_text(&rig),
			    "NOERROR aa; AN test. 0 SOA sns.dns.icann.org. noc.dns.icann.org. "
			    "2018050825 7200 3600 1209600 3600; AN test. 0 NS b.test.; "
			    "AN test. 0 NS a.test.; AN a.test. 0 AAAA 2001:bd8::53; "
			    "AN b.test. 0 AAAA 2001:500::54; AN test. 0 SOA sns.dns.icann.org. "
			    "noc.dns.icann.org. 2018050825 7200 3600 1209600 3600");
	open_rig("truncate 4", false);
	nd_rig_ask(&rig, "test.", ND_TYPE_AXFR, 0, 0);
	assert_int_equal(rig.msg.count[1], 5); /* without the last SOA */
	open_rig("drop 0\n large", false);
	nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 1232);
	assert_int_equal(rig.msg.count[1], 30);
}

static void test_delay(void **state)
{
	(void)state;
	open_rig("delay 2 30ms", true);
	assert_false(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_true(nd_rig_ask(&rig, "b.test.", ND_TYPE_A, 0, 0));
	assert_int_equal(rig.replies, 1);
	nd_rig_run(&rig, 100);
	assert_int_equal(rig.replies, 2);
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN a.test. 0 A 192.0.2.53");
	/* A late SERVFAIL; then a reload while one waits, and the end. */
	open_rig("delay 1 30ms", false);
	assert_false(nd_rig_ask(&rig, "a.test.", ND_TYPE_MX, 0, 0));
	open_rig("drop 0", false);
	nd_rig_run(&rig, 100);
	assert_string_equal(nd_rig_text(&rig), "SERVFAIL");
	open_rig("delay 1 1h", false);
	assert_false(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
}

/* Ready between the third and the fifth query; a search list for autopath. */
static void test_for_others(void **state)
{
	char text[512];
	uint16_t port = nd_rig_free_port();
	(void)state;

	snprintf(text, sizeof text,
		 ".:1053 {\n ready 127.0.0.1:%u {\n monitor continuously\n }\n"
		 " autopath @erratic\n erratic {\n drop 0\n }\n}\n",
		 port);
	nd_rig_open(&rig, text);
	assert_int_equal(nd_rig_get(&rig, port, "/ready"), 503);
	for (unsigned i = 0; i < 3; i++)
		nd_rig_ask(&rig, "x.a.example.org.", ND_TYPE_A, 0, 0);
	assert_int_equal(nd_rig_get(&rig, port, "/ready"), 200);
	nd_rig_ask(&rig, "x.a.example.org.", ND_TYPE_A, 0, 0);
	nd_rig_ask(&rig, "x.a.example.org.", ND_TYPE_A, 0, 0);
	assert_int_equal(nd_rig_get(&rig, port, "/ready"), 503);
	assert_non_null(strstr(nd_rig_metrics(&rig), "coredns_autopath_success_total"));
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "erratic x", "Corefile:2" },
		{ "erratic {\n x\n }", "unknown property \"x\"" },
		{ "erratic {\n drop -1\n }", "invalid amount \"-1\": must be 0 to 2147483647" },
		{ "erratic {\n truncate 1 2\n }", "Corefile:3" },
		{ "erratic {\n delay 1 2 3\n }", "Corefile:3" },
		{ "erratic {\n delay 1 x\n }", "invalid duration \"x\"" },
		{ "erratic {\n large 1\n }", "Corefile:3" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n erratic\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[256];
		snprintf(text, sizeof text, ".:1053 {\n %s\n}\n", rows[i].text);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].text, message);
	}
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_patterns),   RIG(test_records), RIG(test_delay),
		RIG(test_for_others), RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
