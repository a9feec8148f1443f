/* SPDX-License-Identifier: Apache-2.0 */
/* Answers from a file and from lines of the Corefile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/budget.h"
#include "support/rig.h"

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static void test_answers(void **state)
{
	static const struct {
		const char *what, *name;
		uint16_t type;
		const char *reply;
	} rows[] = {
		{ "file, then Corefile", "A.test.", ND_TYPE_A,
		  "NOERROR aa; AN A.test. 60 A 192.0.2.1; AN A.test. 60 A 192.0.2.2" },
		{ "NODATA", "a.test.", ND_TYPE_AAAA, "NOERROR aa" },
		{ "another type of a known name", "a.test.", ND_TYPE_MX, "NOERROR aa" },
		{ "PTR", "1.2.0.192.in-addr.arpa.", ND_TYPE_PTR,
		  "NOERROR aa; AN 1.2.0.192.in-addr.arpa. 60 PTR a.test." },
		{ "a wildcard", "x.w.test.", ND_TYPE_A, "NOERROR aa; AN x.w.test. 60 A 192.0.2.3" },
		{ "two labels", "y.x.w.test.", ND_TYPE_A, "SERVFAIL" },
		{ "fallthrough", "b.through.test.", ND_TYPE_A,
		  "NOERROR aa; AR b.through.test. 0 A 127.0.0.1; AR _udp.b.through.test. 0 SRV 0 0 4000 ." },
		{ "unknown", "b.test.", ND_TYPE_A, "SERVFAIL" },
	};
	char own[] = "/tmp/nodens_hosts_XXXXXX", text[512];
	int fd = mkstemp(own);
	(void)state;

	assert_true(fd >= 0);
	assert_int_equal(dprintf(fd, "192.0.2.1 a.test # comment\n192.0.2.3 *.w.test\n"), 46);
	close(fd);
	snprintf(text, sizeof text,
		 ".:1053 {\n hosts %s {\n  192.0.2.2 a.test\n  ttl 60\n  fallthrough through.test\n }\n"
		 " whoami\n}\n",
		 own);
	nd_rig_open(&rig, text);
	unlink(own);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		assert_true(nd_rig_ask(&rig, rows[i].name, rows[i].type, ND_FLAG_RD, 0));
		if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
			fail_msg("%s: %s", rows[i].what, rig.text);
	}
	assert_non_null(strstr(nd_rig_metrics(&rig), "\ncoredns_hosts_entries{hostsfile=\"/tmp/"));
}

/* --- a file that changes --- */

static char path[] = "/tmp/nodens_hosts_XXXXXX";

static int make_file(void **state)
{
	(void)state;
	strcpy(path + sizeof path - 7, "XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	unlink(path);
	nd_budget_set((uint64_t)ND_BUDGET_DEFAULT_MIB << 20);
	return close_rig(state);
}

/* The line, after n lines that block names; replaces the file as `mv` does. */
static void write_file(unsigned n, const char *line)
{
	char fresh[sizeof path + 4];

	snprintf(fresh, sizeof fresh, "%s.new", path);
	FILE *f = fopen(fresh, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "0.0.0.0 ad%u.example-%u.test\n", i, i % 5000);
	fprintf(f, "%s\n", line);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void open_file_rig(void)
{
	char text[512];

	snprintf(text, sizeof text, ".:1053 {\n hosts %s {\n  reload 10ms\n }\n}\n", path);
	nd_rig_open(&rig, text);
}

static void expect(const char *name, const char *reply)
{
	assert_true(nd_rig_ask(&rig, name, ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), reply);
}

/* Runs the loop until the reply to the name is the wanted one. */
static void wait_for(const char *name, const char *reply)
{
	for (int i = 0; i < 1000; i++) {
		assert_true(nd_rig_ask(&rig, name, ND_TYPE_A, 0, 0));
		if (strcmp(nd_rig_text(&rig), reply) == 0)
			return;
		nd_rig_run(&rig, 10);
	}
	fail_msg("%s: %s", name, rig.text);
}

/* A large file is read in slices; until it is complete the old one answers. */
static void test_change(void **state)
{
	(void)state;
	write_file(0, "192.0.2.1 a.test");
	open_file_rig();
	expect("a.test.", "NOERROR aa; AN a.test. 3600 A 192.0.2.1");
	write_file(50000, "192.0.2.2 a.test");
	wait_for("a.test.", "NOERROR aa; AN a.test. 3600 A 192.0.2.2");
	expect("ad49999.example-4999.test.",
	       "NOERROR aa; AN ad49999.example-4999.test. 3600 A 0.0.0.0");
	write_file(0, "192.0.2.3 a.test");
	wait_for("a.test.", "NOERROR aa; AN a.test. 3600 A 192.0.2.3");
	expect("ad1.example-1.test.", "SERVFAIL");
}

static void test_too_large(void **state)
{
	(void)state;
	nd_budget_set((uint64_t)ND_BUDGET_MIN_MIB << 20);
	write_file(0, "192.0.2.1 a.test");
	open_file_rig();
	nd_rig_log(&rig);
	uint64_t refused = nd_budget_refused(ND_BUDGET_HOSTS);
	write_file(300000, "192.0.2.2 a.test");
	for (int i = 0; i < 1000 && !strstr(rig.log, "cannot read"); i++)
		nd_rig_run(&rig, 10);
	nd_rig_run(&rig, 100);
	const char *log = nd_rig_log(&rig);
	const char *line = strstr(log, "keeping its last contents: its table would exceed 6 MiB");
	assert_non_null(line);
	assert_null(strstr(line + 1, "keeping")); /* reported once */
	expect("a.test.", "NOERROR aa; AN a.test. 3600 A 192.0.2.1");
	assert_true(nd_budget_used(ND_BUDGET_HOSTS) < 4096);
	assert_int_equal(nd_budget_refused(ND_BUDGET_HOSTS), refused + 1);
	write_file(10, "192.0.2.3 a.test");
	wait_for("a.test.", "NOERROR aa; AN a.test. 3600 A 192.0.2.3");
}

/* A reload of the Corefile keeps the table. */
static void test_shared(void **state)
{
	char text[512];
	(void)state;

	write_file(1000, "192.0.2.1 a.test");
	open_file_rig();
	uint64_t used = nd_budget_used(ND_BUDGET_HOSTS);
	assert_true(used > 10000);
	unlink(path);
	snprintf(text, sizeof text,
		 ".:1053 {\n hosts %s {\n  reload 10ms\n  ttl 5\n }\n whoami\n}\n"
		 "b.test:1053 {\n hosts %s {\n  reload 10ms\n }\n}\n",
		 path, path);
	nd_rig_reload(&rig, text);
	expect("a.test.", "NOERROR aa; AN a.test. 5 A 192.0.2.1");
	write_file(1000, "192.0.2.2 a.test\n192.0.2.2 b.test");
	wait_for("a.test.", "NOERROR aa; AN a.test. 5 A 192.0.2.2");
	wait_for("b.test.", "NOERROR aa; AN b.test. 3600 A 192.0.2.2");
}

/* 0.0.0.0 has many names: the answer is cut to the client's limit. */
static void test_many_names(void **state)
{
	(void)state;
	write_file(100000, "192.0.2.1 a.test");
	open_file_rig();
	assert_true(nd_rig_ask(&rig, "0.0.0.0.in-addr.arpa.", ND_TYPE_PTR, 0, 1232));
	assert_true(rig.msg.flags & ND_FLAG_TC);
	assert_in_range(rig.len, 1100, 1232);
	assert_non_null(strstr(nd_rig_text(&rig), "PTR ad0.example-0.test.; "));
	uint8_t question[512];
	size_t n = nd_rig_question(question, "0.0.0.0.in-addr.arpa.", ND_TYPE_PTR, 0, 0);
	assert_true(nd_rig_send(&rig, question, n, ND_PROTO_TCP));
	assert_true(rig.msg.flags & ND_FLAG_TC);
	assert_in_range(rig.len, 60000, 65535);
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "ttl 0", "invalid ttl \"0\": must be 1 to 65535 seconds" },
		{ "reload x", "invalid reload \"x\": must be a duration" },
		{ "fallthrough\n 192.0.2.1 a", "must come before fallthrough" },
		{ "fallthrough_unsupported", "requires fallthrough" },
	};
	(void)state;

	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[128];
		snprintf(text, sizeof text, ".:1053 {\n hosts {\n %s\n }\n}\n", rows[i].line);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].line, message);
	}
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)
#define FILE_RIG(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_answers),        RIG(test_refused),     FILE_RIG(test_change),
		FILE_RIG(test_too_large), FILE_RIG(test_shared), FILE_RIG(test_many_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
