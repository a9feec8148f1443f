/* SPDX-License-Identifier: Apache-2.0 */
/* The EDNS size that the next plugin sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_bufsize;

static unsigned seen; /* the EDNS size of the last query; 0: no OPT */

static int setup_below(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static enum nd_verdict query_below(const void *self, struct nd_query *q)
{
	(void)self;
	seen = q->msg.edns.present ? q->msg.edns.udp_size : 0;
	return ND_DONE;
}

static const struct nd_plugin below = { .name = "below",
					.setup = setup_below,
					.query = query_below };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_bufsize, &below, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void test_size(void **state)
{
	static const struct {
		const char *what, *line;
		uint16_t edns;
		unsigned seen;
	} rows[] = {
		{ "default, larger", "bufsize", 4096, 1232 },
		{ "default, equal", "bufsize", 1232, 1232 },
		{ "default, smaller", "bufsize", 600, 600 },
		{ "no OPT", "bufsize", 0, 0 },
		{ "lowest", "bufsize 512", 4096, 512 },
		{ "highest", "bufsize 4096", 65535, 4096 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[128];
		snprintf(text, sizeof text, ".:1053 {\n %s\n below\n}\n", rows[i].line);
		if (i == 0)
			nd_rig_open(&rig, text);
		else
			nd_rig_reload(&rig, text);
		assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, ND_FLAG_RD, rows[i].edns));
		if (seen != rows[i].seen)
			fail_msg("%s: %u", rows[i].what, seen);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "bufsize 511", "invalid buffer size \"511\": must be 512 to 4096 bytes" },
		{ "bufsize 4097", "invalid buffer size \"4097\"" },
		{ "bufsize x", "invalid buffer size \"x\"" },
		{ "bufsize 512 513", "Corefile:2 - plugin/bufsize: " },
		{ "bufsize {\n max\n }", "unknown property \"max\"" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n bufsize\n below\n}\n");
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
		RIG(test_size),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
