/* SPDX-License-Identifier: Apache-2.0 */
/* The NSID option of replies to clients that ask for it. */
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

enum { OPT = 11 };

/* A query with these options; returns the options of the reply. */
static const char *ask(const char *options, size_t n)
{
	static char text[600];
	uint8_t bytes[512];
	size_t len = nd_rig_question(bytes, "a.test.", ND_TYPE_A, ND_FLAG_RD, 1232);

	bytes[len - 1] = (uint8_t)n;
	if (n)
		memcpy(bytes + len, options, n);
	assert_true(nd_rig_send(&rig, bytes, len + n, ND_PROTO_UDP));
	text[0] = '\0';
	for (unsigned i = 0; i < rig.msg.edns.options_len; i++)
		snprintf(text + 2 * (size_t)i, 3, "%02x", rig.bytes[rig.msg.edns.options + i]);
	return text;
}

static void test_replies(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n nsid a bc\n whoami\n}\n");
	assert_string_equal(ask("\0\3\0\0", 4), "0003000461206263");
	assert_int_equal(rig.msg.edns.udp_size, 1232);
	assert_true(rig.msg.edns.dnssec_ok); /* as in CoreDNS */
	assert_string_equal(ask("\0\12\0\10abcdefgh\0\3\0\0", 16), "0003000461206263");
	/* Without the option nothing is added; nor to the server's own replies. */
	assert_string_equal(ask("\0\12\0\10abcdefgh", 12), "");
	assert_string_equal(ask("", 0), "");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_false(rig.msg.edns.present);
	nd_rig_reload(&rig, ".:1053 {\n nsid a\n template IN A b.test {\n }\n}\n");
	assert_string_equal(ask("\0\3\0\0", 4), "");
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
	/* With an extended error. */
	nd_rig_reload(&rig, ".:1053 {\n nsid a\n acl {\n block\n }\n whoami\n}\n");
	assert_string_equal(ask("\0\3\0\0", 4), "0003000161000f0002000f");
}

/* The default is the host name. */
static void test_host(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n nsid\n whoami\n}\n");
	const char *text = ask("\0\3\0\0", 4);
	assert_int_equal(strncmp(text, "0003", 4), 0);
	assert_true(strlen(text) > 8);
}

static void test_long(void **state)
{
	char text[400];
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n nsid\n}\n");
	snprintf(text, sizeof text, ".:1053 {\n nsid %0257d\n}\n", 1);
	assert_non_null(
		strstr(nd_rig_refuse(&rig, text), "the name has 257 bytes: must be at most 256"));
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n nsid {\n x\n }\n}\n"),
			       "unknown property \"x\""));
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n nsid\n nsid\n}\n"), "once"));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_replies),
		RIG(test_host),
		RIG(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
