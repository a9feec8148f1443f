/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of an endpoint, by the blocks that it serves. tests/e2e/test_transport.py applies
 * them. */
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

/* "READ IDLE WRITE QUERIES" of an endpoint, times in ms. */
static const char *limits(size_t endpoint)
{
	static char text[100];
	const struct nd_conn_limits *l = &rig.gen->endpoints[endpoint].limits;

	assert_true(endpoint < rig.gen->nendpoints);
	snprintf(text, sizeof text, "%llu %llu %llu %lld",
		 (unsigned long long)(l->read_ns / 1000000),
		 (unsigned long long)(l->idle_ns / 1000000),
		 (unsigned long long)(l->write_ns / 1000000), (long long)l->queries);
	return text;
}

static void test_limits(void **state)
{
	static const struct {
		const char *corefile, *first;
	} rows[] = {
		{ ".:53 {\n whoami\n}\n", "3000 10000 10000 -1" },
		{ ".:53 {\n timeouts {\n  read 1s\n }\n whoami\n}\n", "1000 10000 10000 -1" },
		{ ".:53 {\n timeouts {\n  read 24h\n  idle 2\n  write 1m30s\n"
		  "  maxtcpqueries 7\n }\n whoami\n}\n",
		  "86400000 2000 90000 7" },
		{ ".:53 {\n timeouts {\n  read 5s\n  read 1500ms\n }\n timeouts {\n  idle 4s\n"
		  " }\n whoami\n}\n",
		  "1500 4000 10000 -1" },
		/* Of several blocks on an address, the last that sets a limit. */
		{ "a:53 {\n timeouts {\n  read 5s\n  idle 6s\n  maxtcpqueries 3\n }\n whoami\n}\n"
		  "b:53 {\n timeouts {\n  idle 7s\n  maxtcpqueries -1\n }\n whoami\n}\n"
		  "c:53 {\n whoami\n}\n",
		  "5000 7000 10000 -1" },
		/* Another address has its own. */
		{ ".:54 {\n whoami\n}\n.:53 {\n timeouts {\n  read 5s\n }\n whoami\n}\n",
		  "3000 10000 10000 -1" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		if (i == 0)
			nd_rig_open(&rig, rows[i].corefile);
		else
			nd_rig_reload(&rig, rows[i].corefile);
		assert_string_equal(limits(0), rows[i].first);
	}
	assert_string_equal(limits(1), "5000 10000 10000 -1");
}

static void test_refused(void **state)
{
	static const struct {
		const char *block, *why;
	} rows[] = {
		{ "", "at least one" },
		{ " {\n }", "at least one" },
		{ " 5s {\n read 5s\n }", "\"5s\"" },
		{ " {\n read\n }", "read" },
		{ " {\n read 1s 2s\n }", "read" },
		{ " {\n reads 1s\n }", "\"reads\"" },
		{ " {\n read 999ms\n }", "invalid read \"999ms\": must be 1s to 24h" },
		{ " {\n write 0\n }", "invalid write \"0\"" },
		{ " {\n idle 24h1s\n }", "invalid idle \"24h1s\"" },
		{ " {\n idle -5\n }", "invalid idle \"-5\"" },
		{ " {\n idle 5x\n }", "invalid idle \"5x\"" },
		{ " {\n maxtcpqueries 0\n }", "invalid maxtcpqueries \"0\"" },
		{ " {\n maxtcpqueries -2\n }", "invalid maxtcpqueries \"-2\"" },
		{ " {\n maxtcpqueries 5s\n }", "invalid maxtcpqueries \"5s\"" },
	};
	char text[256];
	(void)state;

	nd_rig_open(&rig, ".:53 {\n whoami\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		snprintf(text, sizeof text, ".:53 {\n timeouts%s\n whoami\n}\n", rows[i].block);
		const char *why = nd_rig_refuse(&rig, text);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].block, why);
	}
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_limits),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
