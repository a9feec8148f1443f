/* SPDX-License-Identifier: Apache-2.0 */
/* The query that the plugin sends comes back; a listener of the test takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"
#include "io/udp.h"

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static struct nd_udp *listener;
static uint8_t query[512];
static size_t query_len;
static unsigned fatals;
static char why[1024];

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	(void)ctx;
	(void)u;
	(void)n;
	query_len = d[0].len < sizeof query ? d[0].len : sizeof query;
	memcpy(query, d[0].bytes, query_len);
	nd_loop_stop(rig.loop);
}

static void on_fatal(struct nd_process *p, const char *text)
{
	(void)p;
	fatals++;
	snprintf(why, sizeof why, "%s", text);
}

static void open_loop(bool isolate)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct nd_udp_options o = { .datagram_bytes = 512 };
	struct nd_udp_handler h = { .on_batch = on_batch };
	uint16_t port = nd_rig_free_port();
	struct nd_addr at = nd_addr_from(AF_INET, loopback, port);
	char text[128];

	fatals = 0;
	query_len = 0;
	snprintf(text, sizeof text, "a.test:%u {\n bind 127.0.0.1\n loop\n whoami\n}\n", port);
	nd_rig_open(&rig, text);
	rig.process.fatal = on_fatal;
	rig.process.isolate = isolate;
	assert_int_equal(nd_udp_bind(rig.loop, &at, &o, &h, &listener), 0);
	nd_rig_run(&rig, 3000); /* until the query arrives */
	assert_in_range(query_len, 12, sizeof query);
	assert_memory_equal(query + query_len - 4, "\0\15\0\1", 4); /* HINFO IN */
}

static void send_query(unsigned times)
{
	while (times--)
		assert_true(nd_rig_send(&rig, query, query_len, ND_PROTO_UDP));
	nd_rig_run(&rig, 20);
}

static void test_fatal(void **state)
{
	(void)state;
	open_loop(false);
	send_query(2);
	assert_int_equal(fatals, 0);
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_HINFO, ND_FLAG_RD, 0)); /* another name */
	send_query(1);
	assert_int_equal(fatals, 1);
	assert_non_null(strstr(why, "plugin/loop: Loop (127.0.0.1:4000 -> 127.0.0.1:"));
	assert_non_null(strstr(why, "detected for zone \"a.test.\""));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NOERROR);
	send_query(1); /* reported once */
	assert_int_equal(fatals, 1);
	nd_udp_close(listener);
}

static void test_isolated(void **state)
{
	(void)state;
	open_loop(true);
	send_query(2);
	assert_true(nd_rig_ask(&rig, "b.a.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NOERROR);
	nd_rig_log(&rig);
	send_query(1);
	assert_int_equal(fatals, 0);
	assert_non_null(strstr(nd_rig_log(&rig), "[ERROR] plugin/loop: Loop ("));
	assert_true(nd_rig_ask(&rig, "b.a.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
	nd_udp_close(listener);
}

static void test_refused(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n loop x\n}\n"), "takes no argument"));
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n loop {\n x\n }\n}\n"),
			       "unknown property \"x\""));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_fatal),
		RIG(test_isolated),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
