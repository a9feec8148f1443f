/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin in a chain, over unusual objects that the conformance cases do not contain; each row
 * is what CoreDNS 1.15 answers. Also configurations that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "support/rig.h"
#include "wire/text.h"

static const char cluster[] =
	"{apiVersion: v1, kind: Namespace, metadata: {name: n}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: noip, namespace: n}, spec: {ports: [{port: 1}]}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: noports, namespace: n}, spec: {clusterIP: 10.0.0.1}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: dns, namespace: n}, spec: {clusterIPs: [10.0.0.2, 'fd00::2'],"
	" ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}]}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: hl, namespace: n}, spec: {clusterIP: None}}\n---\n"
	"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: hl4, namespace: n, labels: "
	"{kubernetes.io/service-name: hl}}, endpoints: [{addresses: [10.1.0.1], hostname: h}, {addresses: [10.1.0.1]},"
	" {addresses: [10.1.0.2]}, {addresses: [10.1.0.3], conditions: {ready: false}}],"
	" ports: [{name: a, port: 80}, {name: b, port: 80}]}\n---\n"
	"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: hl6, namespace: n, labels: "
	"{kubernetes.io/service-name: hl}}, endpoints: [{addresses: ['fd01::1'], hostname: h}],"
	" ports: [{name: a, port: 80}]}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: ring1, namespace: n}, spec: {type: ExternalName, "
	"externalName: ring2.n.svc.cluster.local}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: ring2, namespace: n}, spec: {type: ExternalName, "
	"externalName: ring1.n.svc.cluster.local}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: chain, namespace: n}, spec: {type: ExternalName, "
	"externalName: Link.N.svc.cluster.LOCAL}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: link, namespace: n}, spec: {type: ExternalName, "
	"externalName: dns.n.svc.cluster.local}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: below, namespace: n}, spec: {type: ExternalName, "
	"externalName: x.below.n.svc.cluster.local}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: out, namespace: n}, spec: {type: ExternalName, "
	"externalName: Www.Example.org}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: ip, namespace: n}, spec: {type: ExternalName, "
	"externalName: 192.0.2.1}}\n---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: stray, namespace: nowhere}, spec: {clusterIP: 10.0.0.9}}\n---\n"
	"{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: n}, status: {podIPs: [{ip: 10.9.0.1}, {ip: 'fd09::'}, {ip: 'fd09::a:b'}]}}\n";

struct fixture {
	struct nd_rig rig;
	char path[64];
	bool open;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->path, "/tmp/nd_kubernetes_XXXXXX.yaml");
	int fd = mkstemps(f->path, 5);
	if (fd < 0 || write(fd, cluster, sizeof cluster - 1) != sizeof cluster - 1)
		return -1;
	close(fd);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->open)
		nd_rig_close(&f->rig);
	unlink(f->path);
	free(f);
	return 0;
}

static void serve(struct fixture *f, const char *options)
{
	char text[512];

	snprintf(text, sizeof text,
		 ".:53 {\n kubernetes cluster.local in-addr.arpa ip6.arpa {\n  source %s\n%s }\n"
		 " whoami\n}\n",
		 f->path, options);
	nd_rig_open(&f->rig, text);
	f->open = true;
}

/* "RCODE | answer; answer | additional": records in the order of the message, owners
 * abbreviated. */
static void show(struct nd_rig *r, struct nd_buf *b)
{
	char code[ND_NUMBER_TEXT_MAX], type[ND_NUMBER_TEXT_MAX], text[ND_NAME_TEXT_MAX];
	int section = -1;
	struct nd_rr rr;

	nd_buf_printf(b, "%s", nd_type_rcode_text((uint16_t)nd_rig_rcode(r), code));
	for (unsigned i = 0; nd_rig_record(r, i, &rr); i++) {
		uint8_t rdata[512];
		if (rr.type == ND_TYPE_OPT || rr.section == ND_SECTION_AUTHORITY)
			continue;
		nd_buf_text(b, section == (int)rr.section ? "; " : rr.section ? " + " : " ");
		section = (int)rr.section;
		struct nd_reader at = nd_reader_over(r->bytes, r->len);
		struct nd_name_buf buf;
		struct nd_name owner;
		at.pos = r->bytes + rr.owner;
		assert_int_equal(nd_name_read(&at, false, &buf, &owner), 0);
		nd_name_format(owner, text);
		text[strcspn(text, ".")] = '\0';
		int n = nd_rr_expand_rdata(r->bytes, r->len, rr.rdata, rr.rdata_len, rr.type, rdata,
					   sizeof rdata);
		assert_true(n >= 0);
		nd_buf_printf(b, "%s %s ", text, nd_type_text(rr.type, type));
		nd_text_format_rdata(rr.type, rdata, (size_t)n, text, sizeof text);
		nd_buf_text(b, text);
	}
}

struct row {
	const char *name;
	uint16_t type;
	const char *want;
};

static void check(struct fixture *f, const struct row *rows, size_t n)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 16);
	for (size_t i = 0; i < n; i++) {
		nd_buf_reset(&b);
		assert_true(nd_rig_ask(&f->rig, rows[i].name, rows[i].type, 0, 4096));
		show(&f->rig, &b);
		if (strcmp(nd_buf_string(&b), rows[i].want) != 0)
			fail_msg("%s %u:\n got %s\nwant %s", rows[i].name, rows[i].type,
				 nd_buf_string(&b), rows[i].want);
	}
	nd_buf_clear(&b);
}

#define Z ".n.svc.cluster.local."

static void test_answers(void **state)
{
	static const struct row rows[] = {
		{ "noip" Z, ND_TYPE_A, "NOERROR" },
		{ "noports" Z, ND_TYPE_A, "NOERROR noports A 10.0.0.1" },
		{ "noports" Z, ND_TYPE_SRV, "NOERROR" },
		{ "_._"
		  ".noports" Z,
		  ND_TYPE_A, "NOERROR _ A 10.0.0.1" },
		{ "_x._tcp.noports" Z, ND_TYPE_A, "NXDOMAIN" },
		{ "dns" Z, ND_TYPE_SRV,
		  "NOERROR dns SRV 0 25 53 dns" Z " + dns A 10.0.0.2; dns AAAA fd00::2" },
		{ "_dns._udp.dns" Z, ND_TYPE_SRV,
		  "NOERROR _dns SRV 0 50 53 dns" Z " + dns A 10.0.0.2; dns AAAA fd00::2" },
		{ "_dns._tcp.dns" Z, ND_TYPE_SRV, "NXDOMAIN" },
		{ "hl" Z, ND_TYPE_A, "NOERROR hl A 10.1.0.1; hl A 10.1.0.2" },
		{ "hl" Z, ND_TYPE_AAAA, "NOERROR hl AAAA fd01::1" },
		{ "hl" Z, ND_TYPE_SRV,
		  "NOERROR hl SRV 0 14 80 h.hl" Z "; hl SRV 0 14 80 10-1-0-1.hl" Z
		  "; hl SRV 0 14 80 10-1-0-2.hl" Z
		  " + h A 10.1.0.1; 10-1-0-1 A 10.1.0.1; 10-1-0-2 A 10.1.0.2; "
		  "h AAAA fd01::1" },
		{ "_b._tcp.hl" Z, ND_TYPE_AAAA, "NOERROR" },
		{ "h.hl" Z, ND_TYPE_A, "NOERROR h A 10.1.0.1" },
		{ "10-1-0-3.hl" Z, ND_TYPE_A, "NXDOMAIN" },
		{ "1.0.1.10.in-addr.arpa.", ND_TYPE_PTR,
		  "NOERROR 1 PTR h.hl" Z "; 1 PTR 10-1-0-1.hl" Z },
		{ "2.0.0.10.in-addr.arpa.", ND_TYPE_PTR, "NOERROR 2 PTR dns" Z },
		{ "0.0.10.in-addr.arpa.", ND_TYPE_PTR, "NXDOMAIN" },
		{ "ring1" Z, ND_TYPE_A, "NOERROR" },
		{ "ring1" Z, ND_TYPE_CNAME, "NOERROR ring1 CNAME ring2" Z },
		{ "chain" Z, ND_TYPE_AAAA,
		  "NOERROR chain CNAME Link.N.svc.cluster.LOCAL.; Link CNAME dns" Z
		  "; dns AAAA fd00::2" },
		{ "chain" Z, ND_TYPE_SRV, "NOERROR" },
		{ "below" Z, ND_TYPE_A, "NOERROR" },
		{ "ip" Z, ND_TYPE_A, "NXDOMAIN" },
		{ "stray.nowhere.svc.cluster.local.", ND_TYPE_A, "NXDOMAIN" },
		{ "9.0.0.10.in-addr.arpa.", ND_TYPE_PTR,
		  "NOERROR 9 PTR stray.nowhere.svc.cluster.local." },
		{ "n.svc.cluster.local.", ND_TYPE_A, "NOERROR" },
		{ "n.svc.cluster.local.", ND_TYPE_TXT, "NXDOMAIN" },
		{ "cluster.local.", ND_TYPE_TXT, "NXDOMAIN" },
		{ "nowhere.cluster.local.", ND_TYPE_SOA, "NOERROR" },
		{ "n.pod.cluster.local.", ND_TYPE_A, "NXDOMAIN" },
	};
	struct fixture *f = *state;

	serve(f, "");
	check(f, rows, ND_COUNT(rows));
}

static void test_pods(void **state)
{
	static const struct row rows[] = {
		{ "n.pod.cluster.local.", ND_TYPE_A, "NOERROR" },
		{ "10-9-0-1.n.pod.cluster.local.", ND_TYPE_A, "NOERROR 10-9-0-1 A 10.9.0.1" },
		{ "x.10-9-0-1.n.pod.cluster.local.", ND_TYPE_A, "NOERROR x A 10.9.0.1" },
		{ "10-9-0-1.n.pod.cluster.local.", ND_TYPE_SRV,
		  "NOERROR 10-9-0-1 SRV 0 100 0 10-9-0-1.n.pod.cluster.local. + 10-9-0-1 A 10.9.0.1" },
		{ "fd09--0.n.pod.cluster.local.", ND_TYPE_AAAA, "NOERROR fd09--0 AAAA fd09::" },
		{ "fd09--a-b.n.pod.cluster.local.", ND_TYPE_AAAA,
		  "NOERROR fd09--a-b AAAA fd09::a:b" },
		{ "10-9-0-2.n.pod.cluster.local.", ND_TYPE_A, "NXDOMAIN" },
		{ "10-9-0-1.nowhere.pod.cluster.local.", ND_TYPE_A, "NXDOMAIN" },
	};
	struct fixture *f = *state;

	serve(f, "  pods verified\n");
	check(f, rows, ND_COUNT(rows));
}

/* whoami after it answers names that fall through: an empty answer and two additional records. */
static void test_fallthrough(void **state)
{
	struct fixture *f = *state;

	serve(f, "  fallthrough in-addr.arpa\n");
	assert_true(nd_rig_ask(&f->rig, "1.2.3.4.in-addr.arpa.", ND_TYPE_PTR, 0, 0));
	assert_int_equal(nd_rig_rcode(&f->rig), ND_RCODE_NOERROR);
	assert_int_equal(f->rig.msg.count[3], 2);
	assert_true(nd_rig_ask(&f->rig, "nope" Z, ND_TYPE_A, 0, 0));
	assert_int_equal(nd_rig_rcode(&f->rig), ND_RCODE_NXDOMAIN);
	assert_int_equal(f->rig.msg.count[2], 1);
	assert_true(nd_rig_ask(&f->rig, "cluster.local.", ND_TYPE_AXFR, 0, 0));
	assert_int_equal(nd_rig_rcode(&f->rig), ND_RCODE_REFUSED);
}

/* A reload that does not change the store's options keeps the store, even if the file is now
 * invalid. */
static void test_reload_keeps(void **state)
{
	static const struct row rows[] = { { "noports" Z, ND_TYPE_A,
					     "NOERROR noports A 10.0.0.1" } };
	struct fixture *f = *state;
	char text[512];

	serve(f, "");
	FILE *to = fopen(f->path, "w");
	assert_non_null(to);
	fputs("broken: [", to);
	fclose(to);
	snprintf(text, sizeof text,
		 ".:53 {\n kubernetes cluster.local {\n  ttl 77\n  source %s\n }\n}\n", f->path);
	nd_rig_reload(&f->rig, text);
	check(f, rows, 1);
	struct nd_rr rr;
	assert_true(nd_rig_record(&f->rig, 0, &rr));
	assert_int_equal(rr.ttl, 77);
}

/* 300 endpoints with 300 ports of the same number: each port of each is looked at for one answer,
 * up to a limit, so a hostile author of slices cannot make queries arbitrarily slow. */
static void test_many_steps(void **state)
{
	struct fixture *f = *state;
	FILE *to = fopen(f->path, "w");

	assert_non_null(to);
	fprintf(to,
		"%s---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s, "
		"namespace: n, labels: {kubernetes.io/service-name: hl}}, endpoints: [",
		cluster);
	for (int i = 0; i < 300; i++)
		fprintf(to, "{addresses: [10.2.%d.%d]},", i / 200, i % 200);
	fprintf(to, "], ports: [");
	for (int i = 0; i < 300; i++)
		fprintf(to, "{name: p%d, port: 80},", i);
	fprintf(to, "]}\n");
	fclose(to);
	serve(f, "");
	assert_true(nd_rig_ask(&f->rig, "hl.n.svc.cluster.local.", ND_TYPE_SRV, 0, 65000));
	unsigned answers = (unsigned)f->rig.bytes[6] << 8 | f->rig.bytes[7];
	assert_in_range(answers, 200, 290);
	/* Addresses alone are a step each. */
	assert_true(nd_rig_ask(&f->rig, "hl.n.svc.cluster.local.", ND_TYPE_A, 0, 65000));
	assert_int_equal(f->rig.bytes[6] << 8 | f->rig.bytes[7], 302);
}

static void test_refused(void **state)
{
	static const struct {
		const char *head, *lines, *want;
	} rows[] = {
		{ "cluster.local", "",
		  "Corefile:2 - plugin/kubernetes: not running in a pod: KUBERNETES_" },
		{ "cluster.local", "endpoint ftp://127.0.0.1:1\n",
		  "Corefile:2 - plugin/kubernetes: invalid API server URL \"ftp://127.0.0.1:1\": must be "
		  "https://HOST" },
		{ "cluster.local", "kubeconfig /tmp/nd_none\n",
		  "Corefile:2 - plugin/kubernetes: /tmp/nd_none - cannot be read: No such file" },
		{ "cluster.local", "tls a b c\n",
		  "Corefile:2 - plugin/kubernetes: tls requires an endpoint" },
		{ "cluster.local",
		  "endpoint https://127.0.0.1:1\ntls /tmp/nd_a /tmp/nd_b /tmp/nd_c\n",
		  "Corefile:2 - plugin/kubernetes: " },
		{ "cluster.local", "endpoint\n", "Corefile:3 - plugin/kubernetes: " },
		{ "cluster.local", "tls a b\n", "Corefile:3 - plugin/kubernetes: " },
		{ "cluster.local", "kubeconfig a b c\n", "Corefile:3 - plugin/kubernetes: " },
		{ "cluster.local", "apiserver_qps x\n",
		  "Corefile:3 - plugin/kubernetes: invalid apiserver_qps \"x\"" },
		{ "cluster.local", "apiserver_qps -1\n",
		  "Corefile:3 - plugin/kubernetes: invalid apiserver_qps \"-1\"" },
		{ "cluster.local", "apiserver_burst 1.5\n",
		  "Corefile:3 - plugin/kubernetes: invalid apiserver_burst" },
		{ "cluster.local", "startup_timeout x\n",
		  "Corefile:3 - plugin/kubernetes: invalid startup_timeout \"" },
		{ "cluster.local", "startup_timeout -1s\n",
		  "Corefile:3 - plugin/kubernetes: invalid startup_timeout \"" },
		{ "cluster.local", "pods\n", "Corefile:3 - plugin/kubernetes: " },
		{ "cluster.local", "pods all\n",
		  "Corefile:3 - plugin/kubernetes: invalid pods \"all\": must be disabled" },
		{ "cluster.local", "namespaces\n", "Corefile:3 - plugin/kubernetes: " },
		{ "cluster.local", "labels a b\n",
		  "Corefile:3 - plugin/kubernetes: invalid labels \"a b\": must be a "
		  "selector" },
		{ "cluster.local", "ttl 3601\n", "Corefile:3 - plugin/kubernetes: " },
		{ "cluster.local", "ignore all\n",
		  "Corefile:3 - plugin/kubernetes: invalid ignore \"all\": must be "
		  "empty_service" },
		{ "cluster.local", "nonesuch\n", "Corefile:3 - plugin/kubernetes: " },
		{ "cluster.local", "multicluster x.test\n",
		  "Corefile:2 - plugin/kubernetes: is not authoritative for the "
		  "multicluster zone x.test." },
		{ "cluster.local", "namespaces a\nnamespace_labels b\n",
		  "Corefile:2 - plugin/kubernetes: namespaces and "
		  "namespace_labels cannot both be set" },
		{ "cluster.local", "zonal\nnoendpoints\n",
		  "Corefile:2 - plugin/kubernetes: zonal requires" },
		{ "10.0.0.0/8", "source x\n",
		  "Corefile:2 - plugin/kubernetes: non-reverse zone name must be used" },
		{ "cluster.local", "source /tmp/nd_none.yaml\n",
		  "Corefile:2 - plugin/kubernetes: source: "
		  "/tmp/nd_none.yaml - cannot be read: No such file or directory" },
		{ "cluster.local", "source a\nendpoint http://x\n",
		  "Corefile:4 - plugin/kubernetes: endpoint cannot be used with source" },
		{ "cluster.local", "source a\nstartup_timeout 1s\n",
		  "Corefile:4 - plugin/kubernetes: startup_timeout has no effect with source" },
		{ "cluster.local", "source a\nsource b\n",
		  "Corefile:4 - plugin/kubernetes: source is given twice" },
	};
	struct nd_process p = { 0 };
	struct nd_loop *loop = nd_loop_new();
	(void)state;

	nd_process_init(&p, loop);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g = NULL;
		char text[512];
		snprintf(text, sizeof text, ".:53 {\nkubernetes %s {\n%s}\n}\n", rows[i].head,
			 rows[i].lines);
		if (nd_gen_from_text(&p, "Corefile", text, &g, &d) == 0)
			fail_msg("%s: taken", rows[i].lines);
		if (strncmp(d.text, rows[i].want, strlen(rows[i].want)) != 0)
			fail_msg("%s:\n got %s\nwant %s", rows[i].lines, d.text, rows[i].want);
	}
	nd_process_clear(&p);
	nd_loop_free(loop);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fallthrough, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reload_keeps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_steps, set_up, tear_down),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
