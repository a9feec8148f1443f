/* SPDX-License-Identifier: Apache-2.0 */
/* Which answers lose their authority and additional sections. */
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

#define AN " answer \"{{ .Name }} 60 A 192.0.2.1\"\n"
#define NS " authority \"test. 60 NS ns.test.\"\n"
#define SOA " authority \"test. 60 SOA ns.test. h.test. 1 2 3 4 5\"\n"
#define AR " additional \"ns.test. 60 A 192.0.2.53\"\n"

static void test_answers(void **state)
{
	static const struct {
		const char *below, *text;
	} rows[] = {
		{ AN NS AR, "NOERROR aa; AN a.test. 60 A 192.0.2.1" },
		{ AN SOA AR, "NOERROR aa; AN a.test. 60 A 192.0.2.1" },
		{ AR, "NOERROR aa" },
		{ NS AR, "NOERROR aa; NS test. 60 NS ns.test.; AR ns.test. 60 A 192.0.2.53" },
		{ SOA AR, "NOERROR aa; NS test. 60 SOA ns.test. h.test. 1 2 3 4 5; "
			  "AR ns.test. 60 A 192.0.2.53" },
		{ " rcode NXDOMAIN\n" SOA,
		  "NXDOMAIN aa; NS test. 60 SOA ns.test. h.test. 1 2 3 4 5" },
		{ " rcode NXDOMAIN\n" AN AR,
		  "NXDOMAIN aa; AN a.test. 60 A 192.0.2.1; AR ns.test. 60 A 192.0.2.53" },
		{ " rcode REFUSED\n" AR, "REFUSED aa; AR ns.test. 60 A 192.0.2.53" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n minimal\n whoami\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[512];
		snprintf(text, sizeof text, ".:1053 {\n minimal\n template IN A {\n%s }\n}\n",
			 rows[i].below);
		nd_rig_reload(&rig, text);
		assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
		if (strcmp(nd_rig_text(&rig), rows[i].text) != 0)
			fail_msg("%s: %s", rows[i].below, nd_rig_text(&rig));
		/* The client's own OPT is answered. */
		assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 1232));
		assert_true(rig.msg.edns.present);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "minimal x", "Corefile:2" },
		{ "minimal {\n x\n }", "unknown property \"x\"" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n minimal\n}\n");
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
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
