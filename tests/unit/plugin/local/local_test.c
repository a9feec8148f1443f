/* SPDX-License-Identifier: Apache-2.0 */
/* localhost, its subdomains, and the reverse zones. */
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

#define SOA " 604800 SOA localhost. root.localhost. 1 0 0 0 604800"

static void test_answers(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *text;
	} rows[] = {
		{ "localHost.", 1, "NOERROR; AN localHost. 604800 A 127.0.0.1" },
		{ "localhost.", 28, "NOERROR; AN localhost. 604800 AAAA ::1" },
		{ "localhost.", 2, "NOERROR; AN localhost. 604800 NS localhost." },
		{ "LocalHost.", 2, "NOERROR; AN LocalHost. 604800 NS localhost." },
		{ "localhost.", 6, "NOERROR; AN localhost." SOA },
		{ "localhost.", 15, "NOERROR; NS localhost." SOA },
		{ "127.IN-addr.arpa.", 1, "NOERROR; NS 127.IN-addr.arpa." SOA },
		{ "0.in-addr.arpa.", 28, "NOERROR; NS 0.in-addr.arpa." SOA },
		{ "255.in-addr.arpa.", 2, "NOERROR; AN 255.in-addr.arpa. 604800 NS localhost." },
		{ "1.0.0.127.in-addr.arpa.", 12,
		  "NOERROR; AN 1.0.0.127.in-addr.arpa. 604800 PTR localhost." },
		{ "1.0.0.127.In-addr.arpa.", 1, "NOERROR; NS 127.In-addr.arpa." SOA },
		{ "2.0.0.127.in-addr.arpa.", 12, "NXDOMAIN; NS 127.in-addr.arpa." SOA },
		{ "1.255.in-addr.arpa.", 6, "NXDOMAIN; NS 255.in-addr.arpa." SOA },
		{ "A.b.localhost.", 1, "NOERROR; AN A.b.localhost. 604800 A 127.0.0.1" },
		{ "a.localhost.", 16, "NOERROR; NS a.localhost." SOA },
		{ "localhost.a.test.", 28, "NOERROR; AN localhost.a.test. 604800 AAAA ::1" },
		{ "xlocalhost.", 1, "NXDOMAIN aa" },
		{ "localhostx.test.", 1, "NXDOMAIN aa" },
		{ "a.localhost.test.", 1, "NXDOMAIN aa" },
		{ "128.in-addr.arpa.", 12, "NXDOMAIN aa" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n local\n template ANY ANY {\n rcode NXDOMAIN\n }\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		assert_true(nd_rig_ask(&rig, rows[i].name, rows[i].type, ND_FLAG_RD, 0));
		if (strcmp(nd_rig_text(&rig), rows[i].text) != 0)
			fail_msg("%s %u: %s", rows[i].name, rows[i].type, nd_rig_text(&rig));
	}
}

static void expect_count(unsigned n)
{
	char line[80];

	snprintf(line, sizeof line, "\ncoredns_local_localhost_requests_total %u\n", n);
	if (!strstr(nd_rig_metrics(&rig), line))
		fail_msg("no%sin\n%s", line, rig.page);
}

/* One counter for all blocks; localhost itself does not count. */
static void test_prefix_and_count(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n debug\n local {\n localhost_prefix off\n }\n"
			  " template ANY ANY {\n rcode NXDOMAIN\n }\n}\nother:1053 {\n local {\n"
			  " localhost_prefix on\n }\n}\n");
	expect_count(0);
	assert_true(nd_rig_ask(&rig, "localhost.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "NXDOMAIN aa");
	assert_true(nd_rig_ask(&rig, "localhost.", ND_TYPE_A, 0, 0));
	expect_count(0);
	assert_true(nd_rig_ask(&rig, "a.localhost.", ND_TYPE_A, 0, 0));
	assert_true(nd_rig_ask(&rig, "localhost.other.", ND_TYPE_A, 0, 0));
	expect_count(2);
	assert_non_null(strstr(nd_rig_log(&rig),
			       "[DEBUG] plugin/local: Intercepting localhost query for "
			       "\"a.localhost.\" A, from 127.0.0.1\n"));
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "local x", "Corefile:2" },
		{ "local {\n x\n }", "unknown property \"x\"" },
		{ "local {\n localhost_prefix maybe\n }",
		  "invalid localhost_prefix \"maybe\": must be on or off" },
		{ "local {\n localhost_prefix\n }", "Corefile:3" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n local\n}\n");
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
		RIG(test_answers),
		RIG(test_prefix_and_count),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
