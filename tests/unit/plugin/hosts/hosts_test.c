/* SPDX-License-Identifier: Apache-2.0 */
/* Answers from a file and from lines of the Corefile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"
#include <stdlib.h>
#include <unistd.h>

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void test_answers(void **state)
{
	static const struct {
		const char *what, *name;
		uint16_t type;
		const char *reply;
	} rows[] = {
		{ "file, then Corefile", "A.test.", ND_TYPE_A,
		  "NOERROR aa; AN A.test. 60 A 192.0.2.1; AN A.test. 60 A 192.0.2.2" },
		{ "NODATA", "a.test.", ND_TYPE_AAAA, "NOERROR aa" },
		{ "another type of a known name", "a.test.", ND_TYPE_MX, "NOERROR aa" },
		{ "PTR", "1.2.0.192.in-addr.arpa.", ND_TYPE_PTR,
		  "NOERROR aa; AN 1.2.0.192.in-addr.arpa. 60 PTR a.test." },
		{ "a wildcard", "x.w.test.", ND_TYPE_A, "NOERROR aa; AN x.w.test. 60 A 192.0.2.3" },
		{ "two labels", "y.x.w.test.", ND_TYPE_A, "SERVFAIL" },
		{ "fallthrough", "b.through.test.", ND_TYPE_A,
		  "NOERROR aa; AR b.through.test. 0 A 127.0.0.1; AR _udp.b.through.test. 0 SRV 0 0 4000 ." },
		{ "unknown", "b.test.", ND_TYPE_A, "SERVFAIL" },
	};
	char path[] = "/tmp/nodens_hosts_XXXXXX", text[512];
	int fd = mkstemp(path);
	(void)state;

	assert_true(fd >= 0);
	assert_int_equal(dprintf(fd, "192.0.2.1 a.test # comment\n192.0.2.3 *.w.test\n"), 46);
	close(fd);
	snprintf(text, sizeof text,
		 ".:1053 {\n hosts %s {\n  192.0.2.2 a.test\n  ttl 60\n  fallthrough through.test\n }\n"
		 " whoami\n}\n",
		 path);
	nd_rig_open(&rig, text);
	unlink(path);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		assert_true(nd_rig_ask(&rig, rows[i].name, rows[i].type, ND_FLAG_RD, 0));
		if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
			fail_msg("%s: %s", rows[i].what, rig.text);
	}
	assert_non_null(strstr(nd_rig_metrics(&rig), "\ncoredns_hosts_entries{hostsfile=\"/tmp/"));
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "ttl 0", "invalid ttl \"0\": must be 1 to 65535 seconds" },
		{ "reload x", "invalid reload \"x\": must be a duration" },
		{ "fallthrough\n 192.0.2.1 a", "must come before fallthrough" },
		{ "fallthrough_unsupported", "requires fallthrough" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[128];
		snprintf(text, sizeof text, ".:1053 {\n hosts {\n %s\n }\n}\n", rows[i].line);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].line, message);
	}
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
