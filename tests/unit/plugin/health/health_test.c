/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint, and the request of the self-check. */
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

static void test_endpoint(void **state)
{
	uint16_t port = nd_rig_free_port();
	char text[256];
	(void)state;

	/* Two blocks with one address: one endpoint, and its metrics are reported once. */
	snprintf(text, sizeof text,
		 ".:1053 {\n health 127.0.0.1:%u\n whoami\n}\na.test:1053 {\n health 127.0.0.1:%u {\n"
		 "  lameduck 7s\n }\n whoami\n}\n",
		 port, port);
	nd_rig_open(&rig, text);
	assert_true(rig.gen->lameduck_ns == 7ll * ND_NS_PER_S);
	assert_int_equal(nd_rig_get(&rig, port, "/health"), 200);
	assert_string_equal(rig.page, "OK");
	assert_int_equal(nd_rig_get(&rig, port, "/nonsense"), 404);

	nd_rig_run(&rig, 1300); /* the self-check has run once */
	const char *page = nd_rig_metrics(&rig);
	const char *count = strstr(page, "\ncoredns_health_request_duration_seconds_count 1\n");
	assert_non_null(count);
	assert_null(strstr(count + 1, "\ncoredns_health_request_duration_seconds_count"));
	assert_non_null(strstr(page, "\ncoredns_health_request_failures_total 0\n"));
}

static void test_refused(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n health a b\n}\n"), "plugin/health"));
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n health {\n lameduck x\n }\n}\n"),
			       "Corefile:3 - plugin/health: invalid"));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_endpoint),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
