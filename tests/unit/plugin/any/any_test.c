/* SPDX-License-Identifier: Apache-2.0 */
/* ANY queries get one HINFO; all others go to the next plugin. */
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

static void test_answers(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n any\n template IN ANY {\n rcode NXDOMAIN\n }\n}\n");
	assert_true(nd_rig_ask(&rig, "A.test.", ND_TYPE_ANY, ND_FLAG_RD, 0));
	assert_string_equal(nd_rig_text(&rig), "NOERROR; AN A.test. 8482 HINFO \"ANY obsoleted\" "
					       "\"See RFC 8482\"");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_HINFO, ND_FLAG_RD, 0));
	assert_string_equal(nd_rig_text(&rig), "NXDOMAIN aa");
}

static void test_refused(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n any\n}\n");
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n any all\n}\n"), "Corefile:2"));
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n any {\n all\n }\n}\n"),
			       "Corefile:3 - plugin/any: unknown property \"all\""));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_answers),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
