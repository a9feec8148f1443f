/* SPDX-License-Identifier: Apache-2.0 */
/* Formats, names and classes of the lines. */
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

static void test_lines(void **state)
{
	static const struct {
		const char *what, *lines, *name, *logged;
	} rows[] = {
		{ "a format", "log . \"{type} {name} {rcode} {proto} {>rflags} {remote}:{port} x\"",
		  "A.test.", "[INFO] A a.test. NOERROR udp qr,aa,rd 127.0.0.1:4000 x\n" },
		{ "literal braces", "log . \"{type}} {nonsense} {\"", "a.test.",
		  "[INFO] A} {nonsense} {\n" },
		{ "another name", "log b.test", "a.test.", "" },
		{ "the first that matches", "log a.test \"1 {name}\"\n log . \"2 {name}\"",
		  "a.test.", "[INFO] 1 a.test.\n" },
		{ "success only",
		  "log {\n class success\n }\n template IN A a.test {\n rcode NXDOMAIN\n }",
		  "a.test.", "" },
		{ "denial",
		  "log . \"{rcode}\" {\n class denial\n }\n template IN A a.test {\n"
		  " rcode NXDOMAIN\n }",
		  "a.test.", "[INFO] NXDOMAIN\n" },
		{ "error",
		  "log . \"{rcode}\" {\n class error\n }\n template IN A a.test {\n"
		  " rcode REFUSED\n }",
		  "a.test.", "[INFO] REFUSED\n" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[512];
		snprintf(text, sizeof text, ".:1053 {\n %s\n whoami\n}\n", rows[i].lines);
		if (i == 0)
			nd_rig_open(&rig, text);
		else
			nd_rig_reload(&rig, text);
		nd_rig_log(&rig);
		assert_true(nd_rig_ask(&rig, rows[i].name, ND_TYPE_A, ND_FLAG_RD, 0));
		if (strcmp(nd_rig_log(&rig), rows[i].logged) != 0)
			fail_msg("%s: %s", rows[i].what, rig.lines);
	}
}

static void test_common(void **state)
{
	unsigned long id, size, rsize;
	double s;
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n log\n whoami\n}\n");
	nd_rig_log(&rig);
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, ND_FLAG_RD, 1232));
	if (sscanf(nd_rig_log(&rig),
		   "[INFO] 127.0.0.1:4000 - %lu \"A IN a.test. udp %lu false 1232\" NOERROR qr,aa,rd "
		   "%lu %lfs",
		   &id, &size, &rsize, &s) != 4)
		fail_msg("%s", rig.lines);
	assert_int_equal(id, 4660);
	assert_int_equal(size, 35);
	assert_int_equal(rsize, rig.len);
}

static void test_refused(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n log {\n class\n }\n}\n"),
			       "Corefile:3 - plugin/log: class takes"));
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n log {\n class some\n }\n}\n"),
			       "invalid class \"some\": must be all, success, denial or error"));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_lines),
		RIG(test_common),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
