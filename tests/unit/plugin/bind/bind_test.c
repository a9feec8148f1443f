/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that a block listens on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

static struct nd_rig rig;

static int open_rig(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void test_endpoints(void **state)
{
	static const struct {
		const char *what, *text, *labels;
	} rows[] = {
		{ "none", ".:1053 {\n whoami\n}\n", "dns://:1053" },
		{ "one", ".:1053 {\n bind 127.0.0.1\n whoami\n}\n", "dns://127.0.0.1:1053" },
		{ "default port", ". {\n bind ::1\n whoami\n}\n", "dns://[::1]:1053" },
		{ "several, twice the same", ".:53 {\n bind 127.0.0.1 ::1 127.0.0.1\n whoami\n}\n",
		  "dns://127.0.0.1:53 dns://[::1]:53" },
		{ "two directives", ".:53 {\n bind 127.0.0.1\n bind 127.0.0.2\n whoami\n}\n",
		  "dns://127.0.0.1:53 dns://127.0.0.2:53" },
		{ "an interface but one address",
		  ".:53 {\n bind lo {\n  except ::1\n }\n whoami\n}\n", "dns://127.0.0.1:53" },
		{ "except takes away",
		  ".:53 {\n bind 127.0.0.1 127.0.0.2 127.0.0.3 {\n  except 127.0.0.2\n"
		  "  except 127.0.0.3\n }\n whoami\n}\n",
		  "dns://127.0.0.1:53" },
		{ "blocks share",
		  "a:53 {\n bind 127.0.0.1\n whoami\n}\nb:53 {\n bind 127.0.0.1 127.0.0.2\n"
		  " whoami\n}\n",
		  "dns://127.0.0.1:53 dns://127.0.0.2:53" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g;
		char got[512] = "";
		if (nd_gen_from_text(&rig.process, "Corefile", rows[i].text, &g, &d))
			fail_msg("%s: %s", rows[i].what, d.text);
		for (size_t k = 0; k < g->nendpoints; k++) {
			strcat(got, k ? " " : "");
			strcat(got, g->endpoints[k].label);
			assert_int_equal(g->endpoints[k].wildcard, i == 0);
		}
		nd_gen_free(g);
		if (strcmp(got, rows[i].labels) != 0)
			fail_msg("%s: %s", rows[i].what, got);
	}
}

/* "dns://:53 = [::]:53? 0.0.0.0:53"; a question mark: the machine may lack it. */
static void describe(const struct nd_endpoint *e, char *to)
{
	char text[ND_ADDR_TEXT_MAX];

	to += sprintf(to, "%s =", e->label);
	for (size_t i = 0; i < e->nlisten; i++) {
		nd_addr_format(&e->listen[i].addr, text);
		to += sprintf(to, " %s%s", text, e->listen[i].optional ? "?" : "");
	}
}

/* All addresses are both families, for either word. The agent's own addresses get sockets too. */
static void test_listen(void **state)
{
	static const struct {
		const char *text, *wants;
	} rows[] = {
		{ "a:53 {\n}\n",
		  "dns://:53 = [::]:53? 0.0.0.0:53 169.254.20.10:53? [fd00::a]:53?" },
		{ "a:54 {\n}\n", "dns://:54 = [::]:54? 0.0.0.0:54" },
		{ "a:54 {\n bind 0.0.0.0\n}\n", "dns://0.0.0.0:54 = 0.0.0.0:54 [::]:54?" },
		{ "a:54 {\n bind ::\n}\n", "dns://[::]:54 = [::]:54 0.0.0.0:54?" },
		{ "a:53 {\n bind 0.0.0.0 ::\n}\n",
		  "dns://0.0.0.0:53 = 0.0.0.0:53 169.254.20.10:53?; "
		  "dns://[::]:53 = [::]:53 [fd00::a]:53?" },
		{ "a:53 {\n bind 0.0.0.0\n}\nb:53 {\n bind 169.254.20.10\n}\n",
		  "dns://0.0.0.0:53 = 0.0.0.0:53 [::]:53? [fd00::a]:53?; "
		  "dns://169.254.20.10:53 = 169.254.20.10:53" },
		{ "a:53 {\n bind 169.254.20.10\n}\n", "dns://169.254.20.10:53 = 169.254.20.10:53" },
	};
	struct nd_addr exact[2];
	(void)state;

	assert_int_equal(nd_addr_parse("169.254.20.10:53", 0, &exact[0]), 0);
	assert_int_equal(nd_addr_parse("[fd00::a]:53", 0, &exact[1]), 0);
	rig.process.exact = exact;
	rig.process.nexact = 2;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g;
		char got[1024] = "";
		if (nd_gen_from_text(&rig.process, "Corefile", rows[i].text, &g, &d))
			fail_msg("%s: %s", rows[i].text, d.text);
		for (size_t k = 0; k < g->nendpoints; k++) {
			strcat(got, k ? "; " : "");
			describe(&g->endpoints[k], got + strlen(got));
		}
		nd_gen_free(g);
		assert_string_equal(got, rows[i].wants);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *wants;
	} rows[] = {
		{ ".:53 {\n bind\n}\n", "Corefile:2 - plugin/bind: " },
		{ ".:53 {\n bind nonesuch0\n}\n",
		  "invalid address \"nonesuch0\": must be an IP address or an interface" },
		{ ".:53 {\n bind 127.0.0.1 {\n  except\n }\n}\n", "Corefile:3 - plugin/bind: " },
		{ ".:53 {\n bind 127.0.0.1 {\n  nonsense\n }\n}\n", "Corefile:3 - plugin/bind: " },
		{ ".:53 {\n bind 127.0.0.1 {\n  except 127.0.0.1\n }\n}\n",
		  "no address to listen on" },
		{ ".:53 {\n bind 127.0.0.1\n whoami\n}\n.:53 {\n whoami\n}\n", "zone overlap" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g;
		if (nd_gen_from_text(&rig.process, "Corefile", rows[i].text, &g, &d) == 0)
			fail_msg("accepted: %s", rows[i].text);
		if (!strstr(d.text, rows[i].wants))
			fail_msg("%s", d.text);
	}
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_endpoints),
		RIG(test_listen),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
