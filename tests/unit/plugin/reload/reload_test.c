/* SPDX-License-Identifier: Apache-2.0 */
/* A Corefile that changes is loaded; one that fails is tried once. */
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

static const char *file; /* the Corefile; NULL: unreadable */
static unsigned loads, reads;

static int read_file(void *ctx, const char *path, struct nd_arena *a, char **text, size_t *n)
{
	(void)ctx;
	(void)path;
	reads++;
	nd_loop_stop(rig.loop);
	if (!file)
		return ND_EFORMAT;
	*n = strlen(file);
	*text = nd_arena_string(a, file);
	return *text ? 0 : ND_ELIMIT;
}

static void on_reload(struct nd_process *p)
{
	(void)p;
	loads++;
}

static const struct nd_conf_source source = { .read_file = read_file };

static void wait_for_read(void)
{
	unsigned before = reads;

	nd_rig_run(&rig, 5000);
	assert_int_equal(reads, before + 1);
}

/* The interval of 2 s minus jitter: about 1 to 3 s for each check. */
static void test_checks(void **state)
{
	static const char text[] = ".:1053 {\n reload 2s 1s\n whoami\n}\n";
	(void)state;

	loads = reads = 0;
	nd_rig_open(&rig, text);
	rig.process.source = &source;
	rig.process.reload = on_reload;
	assert_non_null(strstr(nd_rig_log(&rig), "plugin/reload: Running configuration hash = "));
	file = text;
	wait_for_read();
	assert_int_equal(loads, 0);
	file = ".:1053 {\n reload 2s 1s\n any\n whoami\n}\n";
	wait_for_read();
	assert_int_equal(loads, 1);
	wait_for_read(); /* the load failed: this text is not tried again */
	assert_int_equal(loads, 1);
	assert_non_null(strstr(nd_rig_metrics(&rig), "\ncoredns_reload_failed_total 1\n"));
	file = ".:1053 {\n";
	wait_for_read();
	assert_int_equal(loads, 1);
	assert_non_null(
		strstr(nd_rig_log(&rig), "[WARNING] plugin/reload: Corefile parse failed: "));
}

/* Without jitter each check comes after exactly the interval. */
static void test_no_jitter(void **state)
{
	static const char text[] = ".:1053 {\n reload 2s 0s\n whoami\n}\n";
	(void)state;

	nd_rig_open(&rig, text);
	rig.process.source = &source;
	file = text;
	for (int i = 0; i < 2; i++) {
		uint64_t before = nd_loop_now_ns(rig.loop);
		wait_for_read();
		uint64_t ms = (nd_loop_now_ns(rig.loop) - before) / 1000000;
		if (ms < 1990 || ms > 4000)
			fail_msg("checked after %llu ms", (unsigned long long)ms);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "reload 1s", "invalid interval \"1s\": must be a duration of at least 2s" },
		{ "reload x", "invalid interval \"x\"" },
		{ "reload 10s 500ms",
		  "invalid jitter \"500ms\": must be 0 or a duration of at least 1s" },
		{ "reload 10s -1s", "invalid jitter \"-1s\"" },
		{ "reload 10s 2s 1s", "Corefile:2 - plugin/reload: " },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[128];
		snprintf(text, sizeof text, ".:1053 {\n %s\n}\n", rows[i].line);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].line, message);
	}
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_checks),
		RIG(test_no_jitter),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
