/* SPDX-License-Identifier: Apache-2.0 */
/* Text to objects: the fields of each kind, defaults, and error messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "kube/decode.h"

static void show_ips(struct nd_buf *b, const struct nd_object_ip *ip, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		nd_buf_printf(b, " ip%u:", ip[i].len);
		for (unsigned j = 0; j < ip[i].len; j++)
			nd_buf_printf(b, "%02x", ip[i].bytes[j]);
	}
}

static void show_ports(struct nd_buf *b, const struct nd_object_port *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		nd_buf_printf(b, " %s/%s=%d", p[i].name, p[i].protocol, p[i].port);
}

static void show_endpoints(struct nd_buf *b, const struct nd_object_endpoint *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		nd_buf_printf(b, " [%s %u %s %s %s]", e[i].text, e[i].ip.len, e[i].hostname,
			      e[i].pod, e[i].zone);
}

static void show(struct nd_buf *b, const struct nd_object *o)
{
	nd_buf_printf(b, "%s %s/%s", nd_object_kind_text[o->kind], o->namespace, o->name);
	for (size_t i = 0; i < o->nlabels; i++)
		nd_buf_printf(b, " %s=%s", o->labels[i].key, o->labels[i].value);
	if (o->kind == ND_OBJECT_SERVICE || o->kind == ND_OBJECT_IMPORT) {
		nd_buf_printf(b, "%s%s%s", o->service.external ? " external " : "",
			      o->service.external_name, o->service.headless ? " headless" : "");
		show_ips(b, o->service.ips, o->service.nips);
		show_ports(b, o->service.ports, o->service.nports);
		for (size_t i = 0; i < o->service.noutside; i++)
			nd_buf_printf(b, " out:%s", o->service.outside[i]);
	} else if (o->kind == ND_OBJECT_SLICE) {
		nd_buf_printf(b, " of %s,%s,%s", o->slice.service, o->slice.import,
			      o->slice.cluster);
		show_endpoints(b, o->slice.endpoints, o->slice.nendpoints);
		show_ports(b, o->slice.ports, o->slice.nports);
	} else if (o->kind == ND_OBJECT_POD) {
		show_ips(b, o->pod.ips, o->pod.nips);
		nd_buf_text(b, o->pod.gone ? " gone" : "");
		nd_buf_text(b, o->pod.terminating ? " terminating" : "");
	}
	nd_buf_text(b, "\n");
}

/* Writes the objects as text, or the error message. */
static void decode(const char *text, bool json, struct nd_buf *b)
{
	struct nd_decode_list list;
	struct nd_arena trees, objects;
	struct nd_tree *doc = NULL;
	struct nd_diag d = { 0 };

	nd_arena_init(&trees, 1 << 24);
	nd_arena_init(&objects, 1 << 24);
	nd_buf_reset(b);
	nd_decode_init(&list);
	int err = json ? nd_json_parse("f", text, strlen(text), &trees, &doc, &d)
		       : nd_yaml_parse("f", text, strlen(text), &trees, &doc, &d);
	for (; doc && !err; doc = doc->next)
		err = nd_decode_document("f", doc, &objects, &list, &d);
	nd_arena_clear(&trees); /* objects do not point into trees */
	for (const struct nd_decoded *it = list.first; it && !err; it = it->next)
		show(b, &it->object);
	if (!err && list.others)
		nd_buf_printf(b, "others %zu\n", list.others);
	if (err)
		nd_buf_text(b, d.text);
	assert_true(!err || d.set);
	nd_arena_clear(&objects);
}

struct row {
	const char *name, *text, *want;
};

static void check(const struct row *rows, size_t n, bool json)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		decode(rows[i].text, json, &b);
		if (strcmp(nd_buf_string(&b), rows[i].want) != 0)
			fail_msg("%s: got\n%swant\n%s", rows[i].name, nd_buf_string(&b),
				 rows[i].want);
	}
	nd_buf_clear(&b);
}

#define SVC "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: n}\n"
#define SLICE                                                                                      \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e, namespace: n, " \
	"labels: {kubernetes.io/service-name: s}}\n"
#define LABELS " kubernetes.io/service-name=s of s,,"

static void test_yaml(void **state)
{
	static const struct row rows[] = {
		{ "nothing", "", "" },
		{ "empty documents", "---\n---\n# only a comment\n---\n", "" },
		{ "namespace",
		  "apiVersion: v1\nkind: Namespace\nmetadata: {name: n, labels: {a: b, c: }}\n",
		  "Namespace /n a=b c=\n" },
		{ "namespace in an empty namespace",
		  "apiVersion: v1\nkind: Namespace\nmetadata: {name: n, namespace: ''}\n",
		  "Namespace /n\n" },
		{ "namespace in a namespace",
		  "apiVersion: v1\nkind: Namespace\nmetadata: {name: n, namespace: [x]}\n",
		  "Namespace /n\n" },
		{ "service in an empty namespace",
		  "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: ''}\n",
		  "Service default/s\n" },
		{ "external addresses",
		  SVC
		  "spec: {externalIPs: [192.0.2.1, 2001:db8::1]}\nstatus: {loadBalancer: {ingress: "
		  "[{ip: 192.0.2.9, hostname: h}, {hostname: lb.test, ipMode: VIP}, {}]}}\n",
		  "Service n/s out:192.0.2.1 out:2001:db8::1 out:192.0.2.9 out:lb.test out:\n" },
		{ "externalIPs: not a list", SVC "spec: {externalIPs: 192.0.2.1}\n",
		  "f:4 - Service n/s: externalIPs must be a list" },
		{ "externalIPs: not addresses", SVC "spec: {externalIPs: [{}]}\n",
		  "f:4 - Service n/s: externalIPs must be a list of addresses" },
		{ "ingress: not a map", SVC "status: {loadBalancer: {ingress: [a]}}\n",
		  "f:4 - Service n/s: ingress must be a list of maps" },
		{ "no namespace is default", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
		  "Service default/s\n" },
		{ "two documents", SVC "---\n" SVC, "Service n/s\nService n/s\n" },
		{ "cluster ips and ports",
		  SVC "spec:\n  clusterIP: 10.0.0.1\n  clusterIPs: [10.0.0.1, \"fd00::1\"]\n"
		      "  ports:\n  - {name: http, port: 80}\n  - {port: 53, protocol: UDP}\n",
		  "Service n/s ip4:0a000001 ip16:fd000000000000000000000000000001 http/TCP=80 /UDP=53\n" },
		{ "clusterIP alone", SVC "spec: {clusterIP: 10.0.0.1}\n",
		  "Service n/s ip4:0a000001\n" },
		{ "mapped", SVC "spec: {clusterIP: \"::ffff:10.0.0.1\"}\n",
		  "Service n/s ip4:0a000001\n" },
		{ "no ip yet", SVC "spec: {clusterIP: \"\"}\n", "Service n/s\n" },
		{ "not an ip", SVC "spec: {clusterIPs: [nonsense]}\n", "Service n/s ip0:\n" },
		{ "headless", SVC "spec: {clusterIP: None}\n", "Service n/s headless ip0:\n" },
		{ "headless by clusterIPs", SVC "spec: {clusterIPs: [None]}\n",
		  "Service n/s headless ip0:\n" },
		{ "external", SVC "spec: {type: ExternalName, externalName: Www.Example.org}\n",
		  "Service n/s external Www.Example.org\n" },
		{ "null is absent", SVC "spec:\n  ports: null\n  clusterIPs: ~\n  type:\n",
		  "Service n/s\n" },
		{ "slice",
		  SLICE
		  "endpoints:\n- addresses: [10.1.0.1, 10.1.0.2]\n  hostname: h\n  zone: z\n"
		  "  targetRef: {name: p}\n- addresses: [\"fd00::1\"]\n  conditions: {ready: true}\n"
		  "- addresses: [10.1.0.9]\n  conditions: {ready: false}\n- conditions: {}\n"
		  "ports: [{port: 80, name: http}, {name: any, port: null}]\n",
		  "EndpointSlice n/e" LABELS
		  " [10.1.0.1 4 h p z] [10.1.0.2 4 h p z] [fd00::1 16   ] http/TCP=80 "
		  "any/TCP=-1\n" },
		{ "empty slice", SLICE, "EndpointSlice n/e" LABELS "\n" },
		{ "slice of host names", SLICE "endpoints: [{addresses: [a.example]}]\n",
		  "EndpointSlice n/e" LABELS " [a.example 0   ]\n" },
		{ "pod",
		  "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\nstatus: {phase: Running, "
		  "podIP: 10.1.0.9, podIPs: [{ip: 10.1.0.1}, {}]}\n",
		  "Pod n/p ip4:0a010001 ip0:\n" },
		{ "pod that has ended",
		  "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {phase: Failed}\n",
		  "Pod default/p gone\n" },
		{ "terminating pod",
		  "apiVersion: v1\nkind: Pod\nmetadata: {name: p, deletionTimestamp: x}\n",
		  "Pod default/p terminating\n" },
		{ "import",
		  "apiVersion: multicluster.x-k8s.io/v1alpha1\nkind: ServiceImport\nmetadata: {name: i}\n"
		  "spec: {type: Headless, ips: [10.0.0.1], ports: [{port: 1}]}\n",
		  "ServiceImport default/i headless ip4:0a000001 /TCP=1\n" },
		{ "other kinds",
		  "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: example.com/v1\nkind: "
		  "Service\n---\napiVersion: v1beta\nkind: Service\n",
		  "others 3\n" },
		{ "list",
		  "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n"
		  "- {apiVersion: v1, kind: Secret}\n",
		  "Service default/a\nothers 1\n" },
		{ "typed list",
		  "apiVersion: v1\nkind: ServiceList\nitems: [{metadata: {name: a}}]\n",
		  "Service default/a\n" },
		{ "anchors",
		  "apiVersion: v1\nkind: Service\nmetadata: &m {name: s}\n---\napiVersion: v1\nkind: List\n"
		  "items:\n- &o {apiVersion: v1, kind: Service, metadata: {name: a}}\n- *o\n",
		  "Service default/s\nService default/a\nService default/a\n" },
		{ "a repeated key: the last one is used",
		  "apiVersion: v1\nkind: Service\nmetadata: {name: a, name: b}\n",
		  "Service default/b\n" },
	};
	(void)state;

	check(rows, ND_COUNT(rows), false);
}

static void test_yaml_refused(void **state)
{
	static const struct row rows[] = {
		{ "not yaml", "a: [\n",
		  "f:2 - not YAML: did not find expected node content, while parsing a flow node" },
		{ "text", "hello\n",
		  "f:1 - object (no name): must be a map with apiVersion, kind and metadata" },
		{ "no kind", "apiVersion: v1\n",
		  "f:1 - object (no name): must have apiVersion and kind" },
		{ "no name", "apiVersion: v1\nkind: Service\nmetadata: {namespace: n}\n",
		  "f:3 - Service n/(no name): metadata must have a name" },
		{ "name as a number", "apiVersion: v1\nkind: Service\nmetadata: {name: 1}\n",
		  "f:3 - Service (no name): name must be a string (put it in quotes)" },
		{ "name as a bool", "apiVersion: v1\nkind: Service\nmetadata:\n  name: yes\n",
		  "f:4 - Service (no name): name must be a string (put it in quotes)" },
		{ "port", SVC "spec:\n  ports:\n  - port: 65536\n",
		  "f:6 - Service n/s: invalid port \"65536\": must be a number from 0 to 65535, "
		  "without quotes" },
		{ "port as a string", SVC "spec: {ports: [{port: \"80\"}]}\n",
		  "f:4 - Service n/s: invalid port \"80\": must be a number from 0 to 65535, "
		  "without quotes" },
		{ "port as a fraction", SVC "spec: {ports: [{port: 1.5}]}\n",
		  "f:4 - Service n/s: invalid port \"1.5\": must be a number from 0 to 65535, "
		  "without quotes" },
		{ "ports", SVC "spec: {ports: 80}\n", "f:4 - Service n/s: ports must be a list" },
		{ "ready", SLICE "endpoints:\n- conditions: {ready: 1}\n",
		  "f:5 - EndpointSlice n/e: invalid ready \"1\": must be true or false, without quotes" },
		{ "addresses", SLICE "endpoints:\n- addresses: [1]\n",
		  "f:5 - EndpointSlice n/e: addresses must be a list of strings" },
		{ "label", "apiVersion: v1\nkind: Namespace\nmetadata: {name: n, labels: {a: 1}}\n",
		  "f:3 - Namespace n: a is a label: must be a string (put it in quotes)" },
		{ "list in a list",
		  "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: []}\n",
		  "f:4 - List items: a List must not contain a List" },
		{ "unknown alias", "a: *b\n", "f:1 - alias *b has no anchor before it" },
		{ "alias of itself", "a: &b [*b]\n", "f:1 - alias *b has no anchor before it" },
		{ "NUL", "a: \"x\\0y\"\n", "f:1 - a string must not contain a NUL character" },
	};
	(void)state;

	check(rows, ND_COUNT(rows), false);
}

static void test_json(void **state)
{
	static const struct row rows[] = {
		{ "list",
		  "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [{\"apiVersion\": \"v1\", "
		  "\"kind\": \"Service\", \"metadata\": {\"name\": \"a\", \"labels\": null}, \"spec\": {\"ports\": "
		  "[{\"port\": 80}]}}]}",
		  "Service default/a /TCP=80\n" },
		{ "null", "null", "" },
		{ "a NUL in an annotation",
		  "{\"kind\": \"Service\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": \"a\", "
		  "\"namespace\": \"\", \"annotations\": {\"x\": \"a\\u0000b\"}}}",
		  "Service default/a\n" },
		{ "a NUL in the time of a slice",
		  "{\"kind\": \"EndpointSlice\", \"apiVersion\": \"discovery.k8s.io/v1\", \"metadata\": "
		  "{\"name\": \"e\", \"annotations\": {\"endpoints.kubernetes.io/last-change-trigger-time\": "
		  "\"\\u0000\"}}}",
		  "EndpointSlice default/e of ,,\n" },
		{ "a NUL in a name",
		  "{\"kind\": \"Service\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": "
		  "\"a\\u0000b\"}}",
		  "f - Service (no name): name must not contain a NUL character" },
		{ "a NUL in a label",
		  "{\"kind\": \"Service\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": \"a\", "
		  "\"labels\": {\"x\": \"a\\u0000b\"}}}",
		  "f - Service default/a: x is a label: must be a string (put it in quotes)" },
		{ "cut", "{\"kind\": \"Li", "f:1 - not JSON: premature end of input near '\"Li'" },
		{ "two", "{}{}", "f:1 - not JSON: end of file expected near '{'" },
		{ "list bare", "[]",
		  "f - object (no name): must be a map with apiVersion, kind and metadata" },
		{ "items", "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": {}}",
		  "f - List items: items must be a list" },
	};
	(void)state;

	check(rows, ND_COUNT(rows), true);
}

/* "Billion laughs": nine anchors of nine aliases each expand to 9^9 nodes. */
static void test_aliases(void **state)
{
	struct nd_buf text, got;
	(void)state;

	nd_buf_init(&text, 1 << 16);
	nd_buf_init(&got, 1 << 16);
	nd_buf_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 10; i++) {
		nd_buf_printf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 9; j++)
			nd_buf_printf(&text, "%s*a%d", j ? ", " : "", i - 1);
		nd_buf_text(&text, "]\n");
	}
	decode(nd_buf_string(&text), false, &got);
	assert_non_null(strstr(nd_buf_string(&got), "aliases expand to too many nodes"));
	nd_buf_reset(&text);
	for (int i = 0; i < 1000; i++)
		nd_buf_text(&text, "[");
	decode(nd_buf_string(&text), false, &got);
	assert_non_null(strstr(nd_buf_string(&got), "nested too deeply"));
	decode(nd_buf_string(&text), true, &got);
	assert_non_null(strstr(nd_buf_string(&got), "f:1 - "));
	nd_buf_clear(&text);
	nd_buf_clear(&got);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_yaml_refused),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
