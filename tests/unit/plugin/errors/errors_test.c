/* SPDX-License-Identifier: Apache-2.0 */
/* Failed queries in the log; consolidated patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_errors;

static int setup_below(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

/* A query fails with its name as the text; ok. does not fail. */
static enum nd_verdict query_below(const void *self, struct nd_query *q)
{
	char name[ND_NAME_TEXT_MAX];
	(void)self;

	nd_name_format(q->msg.qname, name);
	if (strcmp(name, "ok.") == 0)
		return ND_DONE;
	return nd_query_fail(q, ND_RCODE_SERVFAIL, nd_query_printf(q, "failed: %s", name));
}

static const struct nd_plugin below = { .name = "below",
					.setup = setup_below,
					.query = query_below };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_errors, &below, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void fail_query(const char *name)
{
	assert_true(nd_rig_ask(&rig, name, ND_TYPE_AAAA, ND_FLAG_RD, 0));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
}

static void test_lines(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n errors\n below\n}\n");
	nd_rig_log(&rig);
	fail_query("A.test.");
	assert_string_equal(nd_rig_log(&rig),
			    "[ERROR] plugin/errors: 2 a.test. AAAA: failed: a.test.\n");
	assert_true(nd_rig_ask(&rig, "ok.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_string_equal(nd_rig_log(&rig), "");
}

static void test_consolidate(void **state)
{
	static const char text[] =
		".:1053 {\n errors {\n  consolidate 200ms \"^failed: a\" warning\n"
		"  consolidate 200ms b[.]test show_first\n }\n below\n}\n";
	(void)state;

	nd_rig_open(&rig, text);
	nd_rig_log(&rig);
	for (int i = 0; i < 3; i++)
		fail_query("a.test.");
	assert_string_equal(nd_rig_log(&rig), "");
	fail_query("b.test.");
	assert_string_equal(nd_rig_log(&rig),
			    "[ERROR] plugin/errors: 2 b.test. AAAA: failed: b.test.\n");
	fail_query("c.test.");
	assert_non_null(strstr(nd_rig_log(&rig), "failed: c.test."));
	nd_rig_run(&rig, 600); /* b.test. occurred once, and was logged */
	assert_string_equal(nd_rig_log(&rig), "[WARNING] plugin/errors: 3 errors like "
					      "'^failed: a' occurred in last 200ms\n");
}

/* As in CoreDNS show_first may be repeated, and a period below 0 ends at once. */
static void test_odd_words(void **state)
{
	static const char text[] = ".:1053 {\n errors {\n  consolidate -1m a[.]test show_first "
				   "show_first\n }\n below\n}\n";
	(void)state;

	nd_rig_open(&rig, text);
	nd_rig_log(&rig);
	fail_query("a.test.");
	assert_non_null(strstr(nd_rig_log(&rig), "failed: a.test."));
	fail_query("a.test.");
	assert_string_equal(nd_rig_log(&rig), "");
	nd_rig_run(&rig, 600);
	assert_non_null(strstr(nd_rig_log(&rig), "2 errors like 'a[.]test' occurred in last -1m"));
}

/* What was counted is reported when the generation ends; the new one matches with its own state. */
static void test_reload(void **state)
{
	static const char text[] = ".:1053 {\n errors {\n  consolidate 1h a[.]test\n }\n below\n}\n";
	(void)state;

	nd_rig_open(&rig, text);
	fail_query("a.test.");
	nd_rig_log(&rig);
	nd_rig_reload(&rig, text);
	assert_non_null(strstr(nd_rig_log(&rig), "1 errors like 'a[.]test' occurred in last 1h"));
	fail_query("a.test.");
	assert_string_equal(nd_rig_log(&rig), "");
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "errors stderr", "invalid log output \"stderr\": must be stdout" },
		{ "errors {\n consolidate 1m\n }", "consolidate takes DURATION REGEX" },
		{ "errors {\n consolidate x y\n }", "invalid duration \"x\": must be like \"5m\"" },
		{ "errors {\n consolidate 1m (\n }", "invalid pattern" },
		{ "errors {\n consolidate 1m a loud\n }",
		  "invalid log level \"loud\": must be error, warning, info or debug" },
		{ "errors {\n consolidate 1m a show_first info\n }",
		  "\"info\" after show_first: the log level must be before it" },
		{ "errors {\n consolidate 1m a info debug\n }",
		  "two log levels, \"info\" and \"debug\": keep one" },
		{ "errors {\n consolidate 1m a info info\n }",
		  "two log levels, \"info\" and \"info\": keep one" },
		{ "errors {\n nonsense\n }", "unknown property \"nonsense\"" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n below\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[128];
		snprintf(text, sizeof text, ".:1053 {\n %s\n below\n}\n", rows[i].line);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].line, message);
	}
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_lines),  RIG(test_consolidate), RIG(test_odd_words),
		RIG(test_reload), RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
