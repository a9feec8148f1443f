/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of queries, and the page over HTTP. */
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

static void find(const char *line)
{
	if (!strstr(rig.page, line))
		fail_msg("no line %s in\n%s", line, rig.page);
}

static void test_page(void **state)
{
	uint16_t port = nd_rig_free_port();
	char text[256];
	(void)state;

	snprintf(text, sizeof text,
		 "a.test:1053 {\n prometheus 127.0.0.1:%u\n template IN AAAA {\n  rcode NXDOMAIN\n"
		 "  fallthrough\n }\n whoami\n}\n",
		 port);
	nd_rig_open(&rig, text);
	assert_true(nd_rig_ask(&rig, "x.a.test.", ND_TYPE_A, ND_FLAG_RD, 0));
	assert_true(nd_rig_ask(&rig, "x.a.test.", ND_TYPE_A, ND_FLAG_RD, 1232));
	assert_true(nd_rig_ask(&rig, "x.a.test.", ND_TYPE_AAAA, ND_FLAG_RD, 0));
	assert_true(nd_rig_ask(&rig, "x.other.", ND_TYPE_A, ND_FLAG_RD, 0)); /* no block */
	assert_int_equal(nd_rig_get(&rig, port, "/metrics"), 200);

	find("\ncoredns_dns_requests_total{server=\"dns://:1053\",zone=\"a.test.\",view=\"\","
	     "proto=\"udp\",family=\"1\",type=\"A\"} 2\n");
	find("type=\"AAAA\"} 1\n");
	find("\ncoredns_dns_responses_total{server=\"dns://:1053\",zone=\"a.test.\",view=\"\","
	     "rcode=\"NXDOMAIN\",plugin=\"template\"} 1\n");
	find("\ncoredns_dns_responses_total{server=\"dns://:1053\",zone=\"dropped\",view=\"\","
	     "rcode=\"REFUSED\",plugin=\"\"} 1\n");
	find("\ncoredns_dns_request_size_bytes_count{server=\"dns://:1053\",zone=\"a.test.\","
	     "view=\"\",proto=\"udp\"} 3\n");
	find("\ncoredns_plugin_enabled{server=\"dns://:1053\",zone=\"a.test.\",view=\"\","
	     "name=\"whoami\"} 1\n");
	find("\n# TYPE nodens_queries_shed_total counter\nnodens_queries_shed_total 0\n");
	find("\n# TYPE nodens_udp_receive_buffer_bytes gauge\n");
	/* Of plugins that no block has. */
	find("\n# TYPE coredns_reload_failed_total counter\ncoredns_reload_failed_total 0\n");
	find("\ncoredns_forward_healthcheck_broken_total 0\n");
	find("\ncoredns_forward_max_concurrent_rejects_total 0\n");
	find("\ncoredns_hosts_reload_timestamp_seconds 0\n");
	find("\ncoredns_health_request_failures_total 0\n");
	find("\ncoredns_health_request_duration_seconds_count 0\n");
	find("\n# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1");
	find("\n# TYPE process_network_receive_bytes_total counter\n");
	find("\n# TYPE process_open_fds gauge\n");
	find("\n# TYPE process_virtual_memory_max_bytes gauge\n");

	nd_rig_reload(&rig, text); /* the counters survive */
	assert_int_equal(nd_rig_get(&rig, port, "/metrics"), 200);
	find("type=\"A\"} 2\n");
}

static void fill_stats(struct nd_process *p, struct nd_process_stats *out)
{
	(void)p;
	*out = (struct nd_process_stats){ .udp_overflowed = 11,
					  .udp_unsent = 12,
					  .shed = 13,
					  .timed_out = 14,
					  .tcp_refused = 15,
					  .sub_refused = 17,
					  .waiting = 18,
					  .tcp_connections = 18,
					  .tcp_evicted = 19,
					  .tcp_unread = 20,
					  .udp_buffer_bytes = 16 };
}

/* Each row of the table reads its own field. */
static void test_process(void **state)
{
	char text[128];
	(void)state;

	snprintf(text, sizeof text, ".:1053 {\n prometheus 127.0.0.1:%u\n whoami\n}\n",
		 nd_rig_free_port());
	nd_rig_open(&rig, text);
	rig.process.stats = fill_stats;
	nd_rig_metrics(&rig);
	find("\nnodens_udp_overflowed_total 11\n");
	find("\nnodens_udp_unsent_total 12\n");
	find("\nnodens_queries_shed_total 13\n");
	find("\nnodens_queries_timed_out_total 14\n");
	find("\nnodens_tcp_refused_total 15\n");
	find("\nnodens_subqueries_refused_total 17\n");
	find("\nnodens_queries_waiting 18\n");
	find("\nnodens_tcp_connections 18\n");
	find("\nnodens_tcp_evicted_total 19\n");
	find("\nnodens_tcp_unread_total 20\n");
	find("\nnodens_udp_receive_buffer_bytes 16\n");
}

static void test_refused(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n whoami\n}\n");
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n prometheus {\n tls x\n }\n}\n"),
			       "Corefile:3 - plugin/prometheus: \"tls\" is not supported yet"));
	assert_non_null(
		strstr(nd_rig_refuse(&rig, ".:1053 {\n prometheus a b\n}\n"), "Corefile:2"));
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_page),
		RIG(test_process),
		RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
