/* SPDX-License-Identifier: Apache-2.0 */
/* The address, port and transport of the client. */
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
	uint8_t bytes[512];
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	assert_true(nd_rig_ask(&rig, "A.test.", ND_TYPE_TXT, ND_FLAG_RD, 0));
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AR A.test. 0 A 127.0.0.1; "
					       "AR _udp.A.test. 0 SRV 0 0 4000 .");
	size_t n = nd_rig_question(bytes, "a.test.", ND_TYPE_A, ND_FLAG_RD, 0);
	assert_true(nd_rig_send(&rig, bytes, n, ND_PROTO_TCP));
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AR a.test. 0 A 127.0.0.1; "
					       "AR _tcp.a.test. 0 SRV 0 0 4000 .");
}

static void test_refused(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n whoami x\n}\n"), "Corefile:2"));
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
