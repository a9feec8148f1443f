/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint while a plugin is not ready, and after it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_ready;

static bool is_ready;

static bool answer_ready(void *self)
{
	(void)self;
	return is_ready;
}

static void note(void *self, struct nd_buf *to)
{
	(void)self;
	nd_buf_text(to, "old data");
}

static int setup_below(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	nd_setup_ready(s, answer_ready);
	nd_setup_ready_note(s, note);
	return 0;
}

static const struct nd_plugin below = { .name = "below", .setup = setup_below };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_ready, &below, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void open_ready(uint16_t port, const char *monitor)
{
	char text[128];

	snprintf(text, sizeof text, ".:1053 {\n ready 127.0.0.1:%u%s\n below\n}\n", port, monitor);
	is_ready = false;
	nd_rig_open(&rig, text);
	assert_int_equal(nd_rig_get(&rig, port, "/ready"), 503);
	assert_string_equal(rig.page, "below");
	is_ready = true;
	assert_int_equal(nd_rig_get(&rig, port, "/ready"), 200);
	assert_string_equal(rig.page, "OK\nbelow: old data");
	is_ready = false;
}

static void test_until_ready(void **state)
{
	uint16_t port = nd_rig_free_port();
	(void)state;

	open_ready(port, "");
	assert_int_equal(nd_rig_get(&rig, port, "/ready"), 200);
	rig.process.stopping = true;
	assert_int_equal(nd_rig_get(&rig, port, "/ready"), 503);
}

static void test_continuously(void **state)
{
	uint16_t port = nd_rig_free_port();
	(void)state;

	open_ready(port, " {\n  monitor continuously\n }");
	assert_int_equal(nd_rig_get(&rig, port, "/ready"), 503);
}

static void test_refused(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n below\n}\n");
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n ready {\n monitor x\n }\n}\n"),
			       "invalid monitor \"x\": must be until-ready or continuously"));
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n ready a b\n}\n"), "Corefile:2"));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_until_ready),
		RIG(test_continuously),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
