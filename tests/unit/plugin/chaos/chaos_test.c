/* SPDX-License-Identifier: Apache-2.0 */
/* CH TXT queries; all others go to the next plugin. */
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

#define BELOW " template ANY ANY {\n rcode NXDOMAIN\n }\n"

static const char *ask(const char *name, uint16_t type, uint16_t class)
{
	uint8_t bytes[512];
	size_t n = nd_rig_question(bytes, name, type, ND_FLAG_RD, 0);

	bytes[n - 1] = (uint8_t) class;
	assert_true(nd_rig_send(&rig, bytes, n, ND_PROTO_UDP));
	return nd_rig_text(&rig);
}

static void test_answers(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n chaos Ours\n" BELOW "}\n");
	assert_string_equal(ask("Version.bind.", ND_TYPE_TXT, ND_CLASS_CH),
			    "NOERROR; AN Version.bind. 0 TXT \"Ours\"");
	assert_string_equal(ask("version.server.", ND_TYPE_TXT, ND_CLASS_CH),
			    "NOERROR; AN version.server. 0 TXT \"Ours\"");
	assert_non_null(strstr(ask("id.server.", ND_TYPE_TXT, ND_CLASS_CH),
			       "NOERROR; AN id.server. 0 TXT \""));
	assert_non_null(strstr(ask("hostname.bind.", ND_TYPE_TXT, ND_CLASS_CH),
			       "NOERROR; AN hostname.bind. 0 TXT \""));
	assert_string_equal(ask("authors.bind.", ND_TYPE_TXT, ND_CLASS_CH),
			    "NOERROR; AN authors.bind. 0 TXT \"The nodens authors\"");
	assert_string_equal(ask("version.bind.", ND_TYPE_A, ND_CLASS_CH), "NXDOMAIN aa");
	assert_string_equal(ask("version.bind.", ND_TYPE_TXT, ND_CLASS_IN), "NXDOMAIN aa");
	assert_string_equal(ask("other.bind.", ND_TYPE_TXT, ND_CLASS_CH), "NXDOMAIN aa");
}

/* Each author once, in turns; the default version; texts are cut at 255 bytes. */
static void test_texts(void **state)
{
	char text[700], want[400];
	unsigned first = 0;
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n chaos V one two one\n}\n");
	for (unsigned i = 0; i < 64; i++) {
		const char *got = ask("authors.bind.", ND_TYPE_TXT, ND_CLASS_CH);
		const char *one = strstr(got, "\"one\""), *two = strstr(got, "\"two\"");
		assert_true(one && two && !strstr(one + 1, "\"one\""));
		first += one < two;
	}
	assert_in_range(first, 1, 63);
	rig.process.version = "9.8.7";
	nd_rig_reload(&rig, ".:1053 {\n chaos\n}\n");
	assert_string_equal(ask("version.bind.", ND_TYPE_TXT, ND_CLASS_CH),
			    "NOERROR; AN version.bind. 0 TXT \"CoreDNS-9.8.7\"");
	snprintf(text, sizeof text, ".:1053 {\n chaos %0300d\n}\n", 7);
	nd_rig_reload(&rig, text);
	snprintf(want, sizeof want, "NOERROR; AN version.bind. 0 TXT \"%0255d\"", 0);
	assert_string_equal(ask("version.bind.", ND_TYPE_TXT, ND_CLASS_CH), want);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "chaos {\n x\n }", "Corefile:3 - plugin/chaos: unknown property \"x\"" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n chaos\n}\n");
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
		RIG(test_answers),
		RIG(test_texts),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
