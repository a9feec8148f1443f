/* SPDX-License-Identifier: Apache-2.0 */
/* Names for external addresses, with a stub for kubernetes: duplicates, host lookups (some of them
 * asynchronous), and configurations that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/offer.h"
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_k8s_external;

static const char *outside; /* "IP-or-host:port ..." */
static bool waits;
static struct nd_query_ref waiting;

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static void put_all(struct nd_name key, const struct nd_offer_targets *to)
{
	char what[64];
	int port, used;

	for (const char *at = outside; sscanf(at, " %63[^=]=%d%n", what, &port, &used) == 2;
	     at += used) {
		struct nd_offer_target t = { .key = key, .port = port };
		struct nd_name_buf buf;
		struct nd_addr a;
		size_t n;
		if (nd_addr_parse_ip(what, 0, &a) == 0) {
			memcpy(t.ip, nd_addr_bytes(&a, &n), 16);
			t.ip_len = (uint8_t)n;
		} else {
			assert_int_equal(nd_name_parse(what, false, &buf, &t.host), 0);
		}
		to->put(to->ctx, &t);
	}
}

static bool find(const void *self, struct nd_name lower, struct nd_name zone, bool headless,
		 const struct nd_offer_targets *to)
{
	(void)self;
	(void)zone;
	(void)headless;
	if (memcmp(lower.wire, "\4none", 5) == 0)
		return false;
	put_all(lower, to);
	return true;
}

static void reverse(const void *self, const uint8_t *ip, size_t n, struct nd_name zone,
		    const struct nd_offer_targets *to)
{
	(void)self;
	(void)ip;
	(void)n;
	put_all(zone, to);
}

static void servers(const void *self, bool headless, const struct nd_offer_targets *to)
{
	(void)self;
	(void)headless;
	put_all(nd_name_root, to);
}

static uint32_t number(const void *self)
{
	(void)self;
	return 77;
}

static const struct nd_offer_external external = {
	.find = find, .reverse = reverse, .servers = servers, .serial = number, .ttl = number
};
static const struct nd_offer offer = { .external = &external };

/* Hosts below "host.": one address of the queried type. */
static enum nd_verdict query(const void *self, struct nd_query *q)
{
	static const uint8_t ip[16] = { 10, 9, 8, 7 };

	(void)self;
	if (q->msg.qtype == ND_TYPE_A || q->msg.qtype == ND_TYPE_AAAA)
		nd_answer_add(q, ND_SECTION_ANSWER, q->msg.qtype, 3, ip,
			      q->msg.qtype == ND_TYPE_A ? 4 : 16);
	if (!waits)
		return ND_DONE;
	waiting = nd_query_park(q);
	return ND_WAIT;
}

static const struct nd_plugin kubernetes = {
	.name = "kubernetes", .setup = no_setup, .query = query, .offer = &offer
};
static const struct nd_plugin dumb = { .name = "dumb", .setup = no_setup, .query = query };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_k8s_external, &kubernetes, &dumb, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int open_rig(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n k8s_external x. 2.0.192.in-addr.arpa\n kubernetes\n}\n");
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

#define SOA "NS x. 5 SOA ns1.dns.x. hostmaster.dns.x. 77 7200 1800 86400 5"

static void test_answers(void **state)
{
	static const struct {
		const char *outside, *question;
		uint16_t type;
		const char *reply;
	} rows[] = {
		{ "10.0.0.1=1 10.0.0.1=2 ::1=1", "S.n.x.", ND_TYPE_A,
		  "NOERROR aa; AN S.n.x. 5 A 10.0.0.1" },
		{ "10.0.0.1=1 ::1=1", "s.n.x.", ND_TYPE_AAAA, "NOERROR aa; AN s.n.x. 5 AAAA ::1" },
		{ "10.0.0.1=1", "s.n.x.", ND_TYPE_AAAA, "NOERROR aa; " SOA },
		{ "", "s.n.x.", ND_TYPE_A, "NOERROR aa; " SOA },
		{ "10.0.0.1=1", "none.n.x.", ND_TYPE_A, "NXDOMAIN aa; " SOA },
		{ "10.0.0.1=1", "s.n.x.", ND_TYPE_MX, "NOERROR aa; " SOA },
		{ "a.host=1 b.host=1 a.host=2", "s.n.x.", ND_TYPE_A,
		  "NOERROR aa; AN s.n.x. 77 CNAME a.host.; AN s.n.x. 77 CNAME b.host.; "
		  "AN a.host. 3 A 10.9.8.7; AN b.host. 3 A 10.9.8.7" },
		{ "10.0.0.1=1 10.0.0.1=2 10.0.0.2=1", "s.n.x.", ND_TYPE_SRV,
		  "NOERROR aa; AN s.n.x. 77 SRV 0 33 1 s.n.x.; AN s.n.x. 77 SRV 0 33 2 s.n.x.; "
		  "AR s.n.x. 5 A 10.0.0.1; AR s.n.x. 5 A 10.0.0.2" },
		{ "a.host=1", "s.n.x.", ND_TYPE_SRV,
		  "NOERROR aa; AN s.n.x. 77 SRV 0 100 1 a.host.; AR a.host. 3 A 10.9.8.7; "
		  "AR a.host. 3 AAAA a09:807::" },
		{ "10.0.0.1=-1", "s.n.x.", ND_TYPE_SRV, "NOERROR aa; " SOA },
		{ "10.0.0.1=-1", "s.n.x.", ND_TYPE_A, "NOERROR aa; AN s.n.x. 5 A 10.0.0.1" },
		{ "10.0.0.1=1 10.0.0.1=2", "9.2.0.192.in-addr.arpa.", ND_TYPE_PTR,
		  "NOERROR aa; AN 9.2.0.192.in-addr.arpa. 5 PTR x." },
		{ "10.0.0.1=1", "s.n.x.", ND_TYPE_PTR, "NOERROR aa; " SOA },
		{ "10.0.0.1=1 ::1=1", "x.", ND_TYPE_NS,
		  "NOERROR aa; AN x. 5 NS ns1.dns.x.; AR ns1.dns.x. 5 A 10.0.0.1; "
		  "AR ns1.dns.x. 5 AAAA ::1" },
		{ "10.0.0.1=1 ::1=1", "ns1.dns.x.", ND_TYPE_AAAA,
		  "NOERROR aa; AN ns1.dns.x. 5 AAAA ::1" },
		{ "10.0.0.1=1", "ns1.dns.x.", ND_TYPE_AAAA, "NOERROR aa; " SOA },
		{ "10.0.0.1=1", "a.ns1.dns.x.", ND_TYPE_A, "NXDOMAIN aa; " SOA },
		{ "10.0.0.1=1", "x.", ND_TYPE_A, "NOERROR aa; " SOA },
		{ "10.0.0.1=1", "elsewhere.", ND_TYPE_A, "NOERROR; AN elsewhere. 3 A 10.9.8.7" },
	};
	(void)state;

	for (int w = 0; w < 2; w++)
		for (size_t i = 0; i < ND_COUNT(rows); i++) {
			unsigned before = rig.replies;
			outside = rows[i].outside;
			waits = w;
			nd_rig_ask(&rig, rows[i].question, rows[i].type, 0, 4096);
			for (int k = 0; k < 8 && rig.replies == before; k++)
				nd_chain_resume(waiting, ND_DONE);
			assert_int_equal(rig.replies, before + 1);
			if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
				fail_msg("%s, %s: %s", rows[i].question, rows[i].outside, rig.text);
		}
	waits = false;
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *wants;
	} rows[] = {
		{ "k8s_external x.\n dumb",
		  "Corefile:2 - plugin/k8s_external: kubernetes plugin not loaded" },
		{ "k8s_external x. {\n ttl 3601\n}\n kubernetes",
		  "Corefile:3 - plugin/k8s_external: " },
		{ "k8s_external x. {\n ttl\n}\n kubernetes", "Corefile:3 - plugin/k8s_external: " },
		{ "k8s_external x. {\n apex\n}\n kubernetes", "apex requires a NAME" },
		{ "k8s_external x. {\n apex a..b\n}\n kubernetes",
		  "invalid apex \"a..b\": must be a name" },
		{ "k8s_external x. {\n nonesuch\n}\n kubernetes", "nonesuch" },
		{ "k8s_external a..b\n kubernetes", "invalid zone \"a..b\"" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g = NULL;
		char text[256];
		snprintf(text, sizeof text, ".:1053 {\n %s\n}\n", rows[i].text);
		int err = nd_gen_from_text(&rig.process, "Corefile", text, &g, &d);
		if (!err)
			err = nd_gen_start(g, &d);
		nd_gen_free(g);
		if (!err)
			fail_msg("taken: %s", rows[i].text);
		if (!strstr(d.text, rows[i].wants))
			fail_msg("%s", d.text);
	}
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = { RIG(test_answers), RIG(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
