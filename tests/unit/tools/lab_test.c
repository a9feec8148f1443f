/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "tools/lab/bars.h"
#include "tools/lab/labflags.h"

static void test_counters(void **state)
{
	uint64_t n = 0;
	static const char snmp[] =
		"Ip: A B\nIp: 1 2\nUdp: InDatagrams RcvbufErrors X\nUdp: 5 258 7\n";
	static const char table[] = "entries  clashres found insert_failed drop\n"
				    "00000001  0000000a 00000000 00000010 00000001\n"
				    "00000001  00000002 00000000 00000001 00000000\n";
	(void)state;

	assert_int_equal(nd_counters_snmp(snmp, "Udp:", "RcvbufErrors", &n), 0);
	assert_int_equal(n, 258);
	assert_int_equal(nd_counters_snmp(snmp, "Udp:", "Other", &n), ND_EFORMAT);
	assert_int_equal(nd_counters_snmp("Udp: RcvbufErrors\n", "Udp:", "RcvbufErrors", &n),
			 ND_EFORMAT);
	assert_int_equal(nd_counters_conntrack(table, "clashres", &n), 0);
	assert_int_equal(n, 12);
	assert_int_equal(nd_counters_conntrack(table, "insert_failed", &n), 0);
	assert_int_equal(n, 17);
	assert_int_equal(nd_counters_conntrack(table, "gone", &n), ND_EFORMAT);
	assert_int_equal(
		nd_counters_rule("Chain X\n pkts bytes target\n 7 9 MARK all\n 41 9 DNAT udp\n",
				 "DNAT", &n),
		0);
	assert_int_equal(n, 41);
	assert_int_equal(nd_counters_nft("table ip x {\n\tcounter lost {\n\t\tpackets 6 bytes 9\n",
					 &n),
			 0);
	assert_int_equal(n, 6);
	assert_int_equal(nd_counters_nft("", &n), ND_EFORMAT);
}

static void test_parse(void **state)
{
	static const char json[] =
		"{\"requests\": 12, \"errors\": 1, \"timeouts\": 2,\n"
		"\"ms\": {\"min\": 0.5, \"max\": 5003.1, \"avg\": 3.5, \"p99\": 4}}";
	struct nd_figures f;
	(void)state;

	assert_int_equal(nd_figures_parse(json, &f), 0);
	assert_int_equal(f.requests, 12);
	assert_int_equal(f.timeouts, 2);
	assert_true(f.max_ms > 5003 && f.max_ms < 5004);
	assert_int_equal(nd_figures_parse("{\"requests\": 12}", &f), ND_EFORMAT);
}

static const struct nd_row *row_with(enum nd_row_cause cause, unsigned what)
{
	for (unsigned i = 0; nd_row_at(i); i++)
		if (nd_row_at(i)->cause == cause && (nd_row_at(i)->what & what) == what)
			return nd_row_at(i);
	return NULL;
}

static void test_bars(void **state)
{
	static const struct {
		const char *name;
		enum nd_row_cause cause;
		unsigned what;
		struct nd_figures f;
		unsigned missed;
	} rows[] = {
		{ "cured", ND_ROW_BURST, ND_ROW_CURED, { .requests = 9, .max_ms = 249 }, 0 },
		{ "cured, but slow",
		  ND_ROW_BURST,
		  ND_ROW_CURED,
		  { .requests = 9, .max_ms = 250 },
		  1 },
		{ "cured, but lost",
		  ND_ROW_BURST,
		  ND_ROW_AGENT,
		  { .requests = 9, .timeouts = 1, .errors = 1, .counted.node_rcvbuf = 1 },
		  3 },
		{ "no stall", ND_ROW_BURST, ND_ROW_STALLS, { .requests = 9 }, 2 },
		{ "one percent", ND_ROW_RACE, ND_ROW_STALLS, { .requests = 100, .timeouts = 1 }, 0 },
		{ "less than one percent",
		  ND_ROW_RACE,
		  ND_ROW_STALLS,
		  { .requests = 101, .timeouts = 1 },
		  1 },
		{ "the control", ND_ROW_RACE, ND_ROW_CONTROL, { .requests = 9, .timeouts = 1 }, 2 },
	};
	static struct nd_bars bars;
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_row_result r = { row_with(rows[i].cause, rows[i].what), rows[i].f };
		nd_bars_check(&bars, &r, 1, true);
		if (bars.missed != rows[i].missed)
			fail_msg("%s: %u missed, want %u", rows[i].name, bars.missed,
				 rows[i].missed);
	}
}

static void test_flags(void **state)
{
	static const struct {
		const char *name, *word[4];
		int ret;
		unsigned seconds;
	} rows[] = {
		{ "plain", { "lab" }, 0, 30 },
		{ "quick", { "lab", "--quick" }, 0, 10 },
		{ "seconds", { "lab", "-seconds=3", "-quick" }, 0, 3 },
		{ "zero seconds", { "lab", "-seconds", "0" }, ND_EFORMAT, 0 },
		{ "missing value", { "lab", "-json" }, ND_EFORMAT, 0 },
		{ "switch with value", { "lab", "-quick=1" }, ND_EFORMAT, 0 },
		{ "unknown", { "lab", "storm" }, ND_EFORMAT, 0 },
		{ "node-cache without coredns", { "lab", "-node-cache", "x" }, ND_EFORMAT, 0 },
	};
	char why[ND_LABFLAGS_WHY];
	struct nd_labflags f;
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		int n = 0;
		while (n < 4 && rows[i].word[n])
			n++;
		int ret = nd_labflags_parse(&f, n, (char **)rows[i].word, why);
		if (ret != rows[i].ret || (!ret && f.plan.seconds != rows[i].seconds))
			fail_msg("%s: %d, %u s", rows[i].name, ret, f.plan.seconds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
