/* SPDX-License-Identifier: Apache-2.0 */
/* Header bits of the query that the next plugins see, and of the reply. */
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

#define BELOW " template IN A {\n answer \"{{ .Name }} 60 A 192.0.2.1\"\n }\n"

/* The flags of the reply, without QR. */
static unsigned flags_of(const char *header, uint16_t asked)
{
	char text[512];

	snprintf(text, sizeof text, ".:1053 {\n header {\n %s\n }\n" BELOW "}\n", header);
	nd_rig_reload(&rig, text);
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, asked, 0));
	return rig.msg.flags & 0x7fff;
}

static void test_flags(void **state)
{
	static const struct {
		const char *header;
		uint16_t asked, flags;
	} rows[] = {
		{ "response set ra", ND_FLAG_RD, ND_FLAG_AA | ND_FLAG_RA | ND_FLAG_RD },
		{ "response clear aa", ND_FLAG_RD, ND_FLAG_RD },
		{ "RESPONSE CLEAR AA RD", ND_FLAG_RD, 0 },
		{ "response set rd", 0, ND_FLAG_AA | ND_FLAG_RD },
		{ "response set ra aa\n response clear ra", 0, ND_FLAG_AA },
		{ "response clear aa\n response set aa", 0, ND_FLAG_AA },
		/* The reply repeats the query's RD as changed. */
		{ "query clear rd", ND_FLAG_RD, ND_FLAG_AA },
		{ "query set rd", 0, ND_FLAG_AA | ND_FLAG_RD },
		{ "query set rd\n response clear rd", 0, ND_FLAG_AA },
		{ "query set ra aa", 0, ND_FLAG_AA },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		unsigned flags = flags_of(rows[i].header, rows[i].asked);
		if (flags != rows[i].flags)
			fail_msg("%s: 0x%04x, want 0x%04x", rows[i].header, flags, rows[i].flags);
	}
}

/* The server's own SERVFAIL is not changed. */
static void test_failed(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n header {\n response set aa ra\n }\n"
			  " template IN A b.test {\n }\n}\n");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_int_equal(rig.msg.flags, ND_FLAG_QR | ND_FLAG_RD | ND_RCODE_SERVFAIL);
}

/* As with CoreDNS the first one counts; a warning says so. */
static void test_second(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n header {\n response set ra\n }\n header {\n response set rd\n"
			  " }\n" BELOW "}\n");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_int_equal(rig.msg.flags, ND_FLAG_QR | ND_FLAG_AA | ND_FLAG_RA);
	assert_non_null(strstr(nd_rig_log(&rig), "[WARNING] plugin/header: line 5 has no effect"));
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "header", "Corefile:2 - plugin/header: needs a block with rules" },
		{ "header {\n }", "needs a block with rules" },
		{ "header x {\n query set rd\n }", "unexpected \"x\"" },
		{ "header {\n foo set rd\n }",
		  "Corefile:3 - plugin/header: invalid selector \"foo\": must be query or response" },
		{ "header {\n query\n }", "\"query\" needs set or clear, and flags" },
		{ "header {\n query foo rd\n }", "invalid action \"foo\": must be set or clear" },
		{ "header {\n response set\n }", "\"response set\" needs flags: aa, ra or rd" },
		{ "header {\n response set ad\n }", "invalid flag \"ad\": must be aa, ra or rd" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n header {\n query set rd\n }\n}\n");
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
		RIG(test_flags),
		RIG(test_failed),
		RIG(test_second),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
