/* SPDX-License-Identifier: Apache-2.0 */
/* multisocket is accepted without effect. */
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

/* It loads, an INFO line says that it has no effect, and queries pass. */
static void test_accepted(void **state)
{
	static const char *const rows[] = { "multisocket", "multisocket 1", "multisocket 1024" };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[256];
		snprintf(text, sizeof text, ".:1053 {\n %s\n whoami\n}\n", rows[i]);
		if (i == 0)
			nd_rig_open(&rig, text);
		else
			nd_rig_reload(&rig, text);
		const char *log = nd_rig_log(&rig);
		const char *line = strstr(log, "[INFO] plugin/multisocket: has no effect: ");
		if (!line || strstr(line + 1, "[INFO]"))
			fail_msg("%s: %s", rows[i], log);
		assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
		assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NOERROR);
	}
	/* Alone in its block, as in CoreDNS. */
	nd_rig_reload(&rig, ".:1053 {\n multisocket\n}\n");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_REFUSED);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "multisocket 0",
		  "Corefile:2 - plugin/multisocket: invalid number of sockets \"0\": must be 1 to 1024" },
		{ "multisocket 1025", "invalid number of sockets \"1025\"" },
		{ "multisocket x", "invalid number of sockets \"x\"" },
		{ "multisocket 1 2", "Corefile:2" },
		{ "multisocket {\n x\n }", "unknown property \"x\"" },
		{ "multisocket\n multisocket", "once" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n multisocket\n}\n");
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
		RIG(test_accepted),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
