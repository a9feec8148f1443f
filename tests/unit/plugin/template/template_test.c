/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and their answers; a reload while queries wait for the target of a CNAME. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_template;

enum { PARKED_MAX = 4 };
static struct nd_query_ref parked[PARKED_MAX];
static unsigned nparked;

static int setup_below(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

/* Parks queries for names below wait., refuses all others. */
static enum nd_verdict query_below(const void *self, struct nd_query *q)
{
	struct nd_name_buf buf;
	struct nd_name wait;
	(void)self;

	nd_name_parse("wait.", true, &buf, &wait);
	if (!nd_name_under_lower(q->msg.qname, wait))
		return nd_query_fail(q, ND_RCODE_REFUSED, NULL);
	assert_true(nparked < PARKED_MAX);
	parked[nparked++] = nd_query_park(q);
	return ND_WAIT;
}

static const struct nd_plugin below = { .name = "below",
					.setup = setup_below,
					.query = query_below };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_template, &below, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	nparked = 0;
	return 0;
}

static void test_answers(void **state)
{
	static const struct {
		const char *what, *rules, *name;
		uint16_t type;
		const char *reply;
	} rows[] = {
		{ "a group",
		  "template IN A { match ^ip-(\\d+)-(\\d+)[.] \n answer "
		  "\"{{ .Name }} 60 IN A 10.0.{{ index .Match 1 }}.{{ index .Match 2 }}\" \n }",
		  "ip-3-4.test.", ND_TYPE_A, "NOERROR aa; AN ip-3-4.test. 60 A 10.0.3.4" },
		{ "default TTL", "template IN A {\n answer \"{{ .Name }} IN A 10.0.0.1\" \n }",
		  "a.test.", ND_TYPE_A, "NOERROR aa; AN a.test. 3600 A 10.0.0.1" },
		{ "no match", "template IN A {\n match nothing \n answer \"x. A 10.0.0.1\" \n }",
		  "a.test.", ND_TYPE_A, "SERVFAIL" },
		{ "no match, fallthrough",
		  "template IN A {\n match nothing \n answer \"x. A 10.0.0.1\" \n fallthrough \n }",
		  "a.test.", ND_TYPE_A, "REFUSED" },
		{ "another type", "template IN A {\n answer \"{{ .Name }} A 10.0.0.1\" \n }",
		  "a.test.", ND_TYPE_AAAA, "REFUSED" },
		{ "another zone", "template IN A other {\n answer \"{{ .Name }} A 10.0.0.1\" \n }",
		  "a.test.", ND_TYPE_A, "REFUSED" },
		{ "the second rule",
		  "template IN A {\n match ^b \n rcode NXDOMAIN \n fallthrough \n }\n"
		  "template IN ANY {\n rcode NOTIMP \n }",
		  "a.test.", ND_TYPE_A, "NOTIMP aa" },
		{ "not a record", "template IN A {\n answer \"{{ .Name }} IN A none\" \n }",
		  "a.test.", ND_TYPE_A, "SERVFAIL" },
		{ "a false condition",
		  "template IN A {\n expr type() == 'AAAA' \n rcode NXDOMAIN \n }", "a.test.",
		  ND_TYPE_A, "SERVFAIL" },
	};
	char text[1024];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		snprintf(text, sizeof text, ".:1053 {\n %s\n below\n}\n", rows[i].rules);
		if (i == 0)
			nd_rig_open(&rig, text);
		else
			nd_rig_reload(&rig, text);
		if (!nd_rig_ask(&rig, rows[i].name, rows[i].type, ND_FLAG_RD, 0))
			fail_msg("%s: no reply", rows[i].what);
		if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
			fail_msg("%s: %s", rows[i].what, rig.text);
	}
}

/* Two generations wait at once. The old one ends first; it must not take anything from the new
 * one, which then matches its pattern again. */
static void test_reload_while_waiting(void **state)
{
	static const char text[] =
		".:1053 {\n template IN A test {\n match ^(a+)[.]test[.]$ \n answer "
		"\"{{ .Name }} IN CNAME {{ index .Match 1 }}.wait.\" \n }\n below\n}\n";
	(void)state;

	nd_rig_open(&rig, text);
	assert_false(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	nd_rig_reload(&rig, text);
	assert_false(nd_rig_ask(&rig, "aa.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_int_equal(nparked, 2);

	nd_chain_resume(parked[0], ND_DONE); /* the last query of the old generation */
	assert_int_equal(rig.replies, 1);
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN a.test. 3600 CNAME a.wait.");
	nd_chain_resume(parked[1], ND_DONE);
	assert_int_equal(rig.replies, 2);
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN aa.test. 3600 CNAME aa.wait.");
}

static void test_refused(void **state)
{
	static const struct {
		const char *rule, *message;
	} rows[] = {
		{ "template IN", "Corefile:2 - plugin/template: template takes CLASS TYPE" },
		{ "template XX A", "invalid class \"XX\": must be like IN or ANY" },
		{ "template IN XX", "invalid record type \"XX\"" },
		{ "template IN A {\n match (\n }",
		  "Corefile:3 - plugin/template: invalid pattern \"(\"" },
		{ "template IN A {\n answer {{\n }", "invalid template" },
		{ "template IN A {\n rcode NONE\n }", "invalid response code \"NONE\"" },
		{ "template IN A {\n ederror x\n }", "invalid extended DNS error \"x\"" },
		{ "template IN A {\n var 1 1\n }", "invalid variable name \"1\"" },
		{ "template IN A {\n var not 1\n }", "\"not\" is reserved" },
		{ "template IN A {\n expr 1 +\n }", "invalid expression \"1 +\"" },
		{ "template IN A {\n nonsense\n }", "unknown property \"nonsense\"" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n template IN A\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[256];
		snprintf(text, sizeof text, ".:1053 {\n %s\n below\n}\n", rows[i].rule);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].rule, message);
	}
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_answers),
		RIG(test_reload_while_waiting),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
