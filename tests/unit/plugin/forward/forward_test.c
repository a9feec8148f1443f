/* SPDX-License-Identifier: Apache-2.0 */
/* Queries to an upstream of the test, and its replies. */
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

/* An upstream on the loopback address: keeps the query, answers with `rcode` if `answers`. */
static struct upstream {
	struct nd_udp *udp;
	struct nd_addr addr;
	bool answers;
	uint8_t rcode;
	unsigned queries;
	uint8_t last[512];
	size_t last_len;
} up[2];

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct upstream *s = ctx;

	for (size_t i = 0; i < n; i++) {
		uint8_t m[512];
		memcpy(m, d[i].bytes, d[i].len);
		memcpy(s->last, m, d[i].len);
		s->last_len = d[i].len;
		s->queries++;
		if (!s->answers)
			continue;
		m[2] |= 0x80;
		m[3] = s->rcode;
		nd_udp_send(u,
			    &(struct nd_datagram){ .bytes = m, .len = d[i].len, .peer = d[i].peer },
			    1);
	}
}

/* Opens the rig with two upstreams; their ports replace the two %u of the text. */
static void open_forward(const char *format)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct nd_udp_options o = { .datagram_bytes = 512 };
	char text[512];

	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	for (size_t i = 0; i < ND_COUNT(up); i++) {
		struct nd_udp_handler h = { .ctx = &up[i], .on_batch = on_batch };
		up[i] = (struct upstream){ .answers = true };
		up[i].addr = nd_addr_from(AF_INET, loopback, 0);
		assert_int_equal(nd_udp_bind(rig.loop, &up[i].addr, &o, &h, &up[i].udp), 0);
		up[i].addr = nd_udp_local(up[i].udp);
	}
	snprintf(text, sizeof text, format, nd_addr_port(&up[0].addr), nd_addr_port(&up[1].addr));
	nd_rig_reload(&rig, text);
}

static void close_upstreams(void)
{
	for (size_t i = 0; i < ND_COUNT(up); i++)
		nd_udp_close(up[i].udp);
}

/* Sends a query and runs the loop for a moment; true with a reply. */
static bool ask(const char *name)
{
	unsigned before = rig.replies;

	if (!nd_rig_ask(&rig, name, ND_TYPE_A, ND_FLAG_RD, 1400))
		for (int i = 0; i < 100 && rig.replies == before; i++)
			nd_rig_run(&rig, 10);
	return rig.replies != before;
}

static void test_query(void **state)
{
	(void)state;
	open_forward(
		"test:1053 {\n forward test 127.0.0.1:%u {\n  except sub.test\n }\n whoami\n}\n");
	up[0].rcode = 3;
	assert_true(ask("Www.test."));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NXDOMAIN);
	/* The spelling, RD and the OPT with its size are those of the client. */
	assert_memory_equal(up[0].last + 2,
			    "\1\0\0\1\0\0\0\0\0\1\3Www\4test\0\0\1\0\1\0\0\51\5\170", 30);
	assert_true(ask("a.sub.test."));
	assert_int_equal(up[0].queries, 1);
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NOERROR);
	assert_non_null(strstr(nd_rig_metrics(&rig), "to=\"127.0.0.1:"));
	close_upstreams();
}

static void test_next(void **state)
{
	(void)state;
	open_forward(".:1053 {\n forward . 127.0.0.1:%u {\n  next SERVFAIL\n }\n"
		     " forward . 127.0.0.1:%u\n}\n");
	up[0].rcode = 2;
	up[1].rcode = 3;
	assert_true(ask("a.test."));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NXDOMAIN);
	up[0].rcode = 5;
	assert_true(ask("b.test."));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_REFUSED);
	assert_int_equal(up[1].queries, 1);
	close_upstreams();
}

static void test_max_concurrent(void **state)
{
	(void)state;
	open_forward(".:1053 {\n forward . 127.0.0.1:%u {\n  max_concurrent 1\n }\n}\n");
	up[0].answers = false;
	assert_false(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_true(nd_rig_ask(&rig, "b.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_REFUSED);
	assert_non_null(
		strstr(nd_rig_metrics(&rig), "\ncoredns_forward_max_concurrent_rejects_total 1\n"));
	up[0].answers = true; /* the query is sent again, and answered */
	for (int i = 0; i < 100 && rig.replies < 2; i++)
		nd_rig_run(&rig, 10);
	assert_true(ask("c.test."));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NOERROR);
	close_upstreams();
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "forward", "forward takes FROM TO..." },
		{ "forward a..b 127.0.0.1",
		  "invalid FROM \"a..b\": must be a domain name or a network" },
		{ "forward . quic://127.0.0.1", "\"quic://127.0.0.1\" is not supported yet" },
		{ "forward . 127.0.0.1 {\n policy best\n }",
		  "Corefile:3 - plugin/forward: invalid policy \"best\": must be random" },
		{ "forward . 127.0.0.1 {\n max_fails x\n }",
		  "invalid max_fails \"x\": must be 0 to" },
		{ "forward . 127.0.0.1 {\n expire 1\n }",
		  "invalid expire \"1\": must be a duration" },
		{ "forward . 127.0.0.1 {\n resolver ns.test\n }",
		  "invalid resolver \"ns.test\": must be an IP address or IP:port" },
		{ "forward . 127.0.0.1 {\n doh_method PUT\n }",
		  "invalid doh_method \"PUT\": must be POST or GET" },
		{ "forward . 127.0.0.1 {\n max_age 1s\n }", "must not be less than expire" },
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
		RIG(test_query),
		RIG(test_next),
		RIG(test_max_concurrent),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
