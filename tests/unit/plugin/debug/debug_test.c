/* SPDX-License-Identifier: Apache-2.0 */
/* Debug lines are on while a configuration with the plugin serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"
#include "base/log.h"

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void test_reloads(void **state)
{
	static const char with[] = ".:1053 {\n debug\n whoami\n}\n";
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	assert_false(nd_log_is_debug());
	nd_rig_reload(&rig, with);
	assert_true(nd_log_is_debug());
	nd_rig_reload(&rig, ".:1053 {\n debug\n whoami\n}\na.test:1053 {\n debug\n debug\n}\n");
	assert_true(nd_log_is_debug()); /* the old instance has stopped after the new one started */
	nd_rig_reload(&rig, with);
	assert_true(nd_log_is_debug());
	nd_rig_reload(&rig, ".:1053 {\n whoami\n}\n");
	assert_false(nd_log_is_debug());
}

static void test_refused(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n debug all\n}\n"), "Corefile:2"));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_reloads),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
