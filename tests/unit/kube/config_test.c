/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "kube/config.h"

#define CLUSTERS "clusters:\n- name: c\n  cluster: {server: 'https://127.0.0.1:6443/base/', %s}\n"
#define REST                                                                              \
	"users:\n- name: u\n  user: {%s}\ncontexts:\n- name: x\n  context: {cluster: c, " \
	"user: u}\ncurrent-context: x\n"

#define BETA "apiVersion: client.authentication.k8s.io/v1beta1"

static char folder[] = "/tmp/nd_config_XXXXXX";

static const char *put(const char *name, const char *text)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static int read_file(const char *cluster, const char *user, const char *context, struct nd_arena *a,
		     struct nd_config *c, struct nd_diag *d)
{
	char text[2048];

	snprintf(text, sizeof text, CLUSTERS REST, cluster, user);
	nd_arena_init(a, 1 << 20);
	*d = (struct nd_diag){ 0 };
	return nd_config_kubeconfig(put("config", text), context, a, c, d);
}

static void test_kubeconfig(void **state)
{
	struct nd_arena a;
	struct nd_config c;
	struct nd_diag d;
	char want[128];

	(void)state;
	assert_int_equal(read_file("certificate-authority-data: YWJj\nZA==, tls-server-name: k",
				   "tokenFile: t, token: x, client-certificate: /c, client-key: k",
				   NULL, &a, &c, &d),
			 ND_ECONF); /* a line end inside a plain scalar */
	nd_arena_clear(&a);
	assert_int_equal(read_file("certificate-authority-data: YWJjZA==, tls-server-name: k",
				   "tokenFile: t, token: x, client-certificate: /c, client-key: k",
				   NULL, &a, &c, &d),
			 0);
	assert_true(c.tls);
	assert_string_equal(c.host, "127.0.0.1:6443");
	assert_string_equal(c.prefix, "/base");
	assert_string_equal(c.server_name, "k");
	assert_int_equal(c.options.ca.len, 4);
	assert_memory_equal(c.options.ca.bytes, "abcd", 4);
	assert_string_equal(c.options.cert.file, "/c");
	snprintf(want, sizeof want, "%s/k", folder);
	assert_string_equal(c.options.key.file, want);
	snprintf(want, sizeof want, "%s/t", folder);
	assert_string_equal(c.token_file, want);
	nd_arena_clear(&a);

	assert_int_equal(read_file("insecure-skip-tls-verify: true", "username: al, password: pw",
				   "x", &a, &c, &d),
			 0);
	assert_true(c.options.insecure);
	assert_string_equal(c.basic, "YWw6cHc=");
	nd_arena_clear(&a);
}

static void test_exec(void **state)
{
	struct nd_arena a;
	struct nd_config c;
	struct nd_diag d;
	char want[128];
	(void)state;

	int err =
		read_file("certificate-authority-data: YWJjZA==, tls-server-name: k, extensions: "
			  "[{name: client.authentication.k8s.io/exec, extension: {a: [1, 'q\"']}}]",
			  "exec: {" BETA ", command: ./bin/p, args: [x, ''], provideClusterInfo: "
			  "true, installHint: get it, env: [{name: A, value: b=c}, {name: B}]}",
			  NULL, &a, &c, &d);
	assert_int_equal(err, 0);
	assert_non_null(c.exec);
	snprintf(want, sizeof want, "%s/./bin/p", folder);
	assert_string_equal(c.exec->argv[0], want);
	assert_string_equal(c.exec->argv[1], "x");
	assert_string_equal(c.exec->argv[2], "");
	assert_null(c.exec->argv[3]);
	assert_string_equal(c.exec->env[0], "A=b=c");
	assert_string_equal(c.exec->env[1], "B=");
	assert_string_equal(c.exec->env[2],
			    "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":"
			    "\"client.authentication.k8s.io/v1beta1\",\"spec\":{\"cluster\":{"
			    "\"server\":\"https://127.0.0.1:6443/base/\",\"tls-server-name\":\"k\","
			    "\"certificate-authority-data\":\"YWJjZA==\",\"config\":{\"a\":[1,"
			    "\"q\\\"\"]}},\"interactive\":false}}");
	assert_null(c.exec->env[3]);
	assert_string_equal(c.exec->hint, "get it");
	nd_arena_clear(&a);

	assert_int_equal(read_file("", "exec: {" BETA ", command: p}", NULL, &a, &c, &d), 0);
	assert_string_equal(c.exec->argv[0], "p"); /* by PATH */
	assert_non_null(strstr(c.exec->env[0], "\"spec\":{\"interactive\":false}}"));
	nd_arena_clear(&a);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *name, *cluster, *user, *context, *want;
	} rows[] = {
		{ "no such context", "", "token: x", "y",
		  ":8 - context \"y\" not found: contexts has x" },
		{ "not base64", "certificate-authority-data: '*'", "", NULL,
		  ":3 - certificate-authority-data must be base64" },
		{ "half the padding", "certificate-authority-data: 'YWJj='", "", NULL,
		  "must be base64" },
		{ "after the padding", "certificate-authority-data: 'YQ==YQ=='", "", NULL,
		  "must be base64" },
		{ "auth-provider", "", "auth-provider: {name: a}", NULL,
		  ":6 - auth-provider is not supported" },
		{ "exec of another kind", "", "exec: a", NULL, ":6 - exec must be a map" },
		{ "no version", "", "exec: {command: a}", NULL, ":6 - exec.apiVersion is missing" },
		{ "an old version", "",
		  "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: a}", NULL,
		  "invalid exec.apiVersion \"client.authentication.k8s.io/v1alpha1\": must be " },
		{ "no mode", "", "exec: {apiVersion: client.authentication.k8s.io/v1, command: a}",
		  NULL, "exec.interactiveMode is missing" },
		{ "a terminal", "", "exec: {" BETA ", command: a, interactiveMode: Always}", NULL,
		  "invalid exec.interactiveMode \"Always\": must be Never or IfAvailable, since" },
		{ "a mode", "", "exec: {" BETA ", command: a, interactiveMode: never}", NULL,
		  ":6 - invalid exec.interactiveMode \"never\": must be Never or IfAvailable" },
		{ "no command", "", "exec: {" BETA "}", NULL, "exec.command is missing" },
		{ "args", "", "exec: {" BETA ", command: a, args: [1]}", NULL,
		  "exec.args must be a list of strings" },
		{ "args", "", "exec: {" BETA ", command: a, args: b}", NULL,
		  "exec.args must be a list" },
		{ "env", "", "exec: {" BETA ", command: a, env: [{value: x}]}", NULL,
		  "exec.env.name is missing" },
		{ "env", "", "exec: {" BETA ", command: a, env: [x]}", NULL,
		  "exec.env must be a list of maps with name and value" },
		{ "env", "", "exec: {" BETA ", command: a, env: [{name: 'a=b'}]}", NULL,
		  "invalid exec.env.name \"a=b\": must be a name without \"=\"" },
		{ "no CA", "certificate-authority: /nowhere/ca",
		  "exec: {" BETA ", command: a, provideClusterInfo: true}", NULL,
		  ":3 - certificate-authority /nowhere/ca: " },
		{ "key alone", "", "client-key: a", NULL, "must be given together" },
		{ "not a string", "", "token: 7", NULL, ":6 - token must be a string" },
		{ "not a bool", "insecure-skip-tls-verify: 'a'", "", NULL,
		  ":3 - invalid insecure-skip-tls-verify \"a\": must be true or false" },
		{ "both", "insecure-skip-tls-verify: true, certificate-authority: a", "", NULL,
		  "are mutually exclusive" },
		{ "proxy", "proxy-url: 'http://x'", "", NULL, "proxy-url is not supported" },
	};
	struct nd_arena a;
	struct nd_config c;
	struct nd_diag d;
	char place[128];
	(void)state;

	snprintf(place, sizeof place, "%s/config:", folder);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		int err = read_file(rows[i].cluster, rows[i].user, rows[i].context, &a, &c, &d);
		/* File and line always come first. */
		if (err != ND_ECONF || !strstr(d.text, rows[i].want) ||
		    strncmp(d.text, place, strlen(place)) != 0)
			fail_msg("%s: %d %s", rows[i].name, err, d.text);
		nd_arena_clear(&a);
	}
}

/* Whole files. */
static void test_files(void **state)
{
	static const struct {
		const char *name, *text, *want; /* after the file's name */
	} rows[] = {
		{ "empty", "",
		  ":1 - not a kubeconfig: must be a map with clusters, users and contexts" },
		{ "a list", "- a\n", ":1 - not a kubeconfig" },
		{ "no YAML", "a: [\n", ":" },
		{ "no context", "clusters: []\n",
		  ":1 - current-context is missing: must be the name of a context" },
		{ "no contexts", "current-context: x\n",
		  ":1 - context \"x\" not found: contexts is empty" },
		{ "another context",
		  "current-context: x\ncontexts:\n- name: a\n  context: {}\n- name: b\n",
		  ":3 - context \"x\" not found: contexts has a, b" },
		{ "a context without a map", "current-context: x\ncontexts:\n- name: x\n",
		  ":3 - context is missing or not a map" },
		{ "no cluster", "current-context: x\ncontexts:\n- name: x\n  context: {user: u}\n",
		  ":4 - cluster is missing: must be the name of a cluster" },
		{ "unknown cluster",
		  "current-context: x\ncontexts:\n- name: x\n  context: {cluster: c}\n"
		  "clusters:\n- name: d\n  cluster: {}\n",
		  ":6 - cluster \"c\" not found: clusters has d" },
		{ "no server",
		  "current-context: x\ncontexts:\n- name: x\n  context: {cluster: c}\n"
		  "clusters:\n- name: c\n  cluster: {certificate-authority: a}\n",
		  ":7 - server is missing: must be the URL of the API server" },
		{ "no URL",
		  "current-context: x\ncontexts:\n- name: x\n  context: {cluster: c}\n"
		  "clusters:\n- name: c\n  cluster:\n    insecure-skip-tls-verify: true\n"
		  "    server: ftp://a\n",
		  ":9 - invalid API server URL \"ftp://a\": must be https://HOST[:PORT] or http://HOST" },
		{ "unknown user",
		  "current-context: x\ncontexts:\n- name: x\n  context: {cluster: c, user: u}\n"
		  "clusters:\n- name: c\n  cluster: {server: 'https://a'}\nusers:\n- name: v\n",
		  ":9 - user \"u\" not found: users has v" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		const char *file = put("config", rows[i].text);
		struct nd_diag d = { 0 };
		struct nd_config c;
		struct nd_arena a;
		nd_arena_init(&a, 1 << 20);
		int err = nd_config_kubeconfig(file, NULL, &a, &c, &d);
		if (err != ND_ECONF || strncmp(d.text, file, strlen(file)) != 0 ||
		    strncmp(d.text + strlen(file), rows[i].want, strlen(rows[i].want)) != 0)
			fail_msg("%s: %d %s", rows[i].name, err, d.text);
		nd_arena_clear(&a);
	}

	struct nd_diag d = { 0 };
	struct nd_config c;
	struct nd_arena a;
	nd_arena_init(&a, 1 << 20);
	assert_int_equal(nd_config_kubeconfig("/nowhere/config", NULL, &a, &c, &d), ND_ECONF);
	assert_string_equal(d.text, "/nowhere/config - cannot be read: No such file or directory");
	nd_arena_clear(&a);
}

static void test_endpoint(void **state)
{
	static const struct {
		const char *url, *cert, *host, *prefix; /* host NULL: refused */
		const char *name;                       /* NULL: host is an address */
		bool tls;
		uint16_t port;
	} rows[] = {
		{ "http://127.0.0.1:8080", NULL, "127.0.0.1:8080", "", NULL, false, 8080 },
		{ "https://127.0.0.1/a/", "c", "127.0.0.1", "/a", NULL, true, 443 },
		{ "127.0.0.1:8080", NULL, "127.0.0.1:8080", "", NULL, false, 8080 },
		{ "https://[::1]:6443", NULL, "[::1]:6443", "", NULL, true, 6443 },
		{ "http://localhost:1", NULL, "localhost:1", "", "localhost", false, 1 },
		{ "https://api.example./x", "c", "api.example.", "/x", "api.example.", true, 443 },
		{ "ftp://127.0.0.1", NULL, NULL, NULL, NULL, false, 0 },
		{ "https://127.0.0.1:0", NULL, NULL, NULL, NULL, false, 0 },
		{ "https://127.0.0.1:70000", NULL, NULL, NULL, NULL, false, 0 },
		{ "https://127.0.0.1:6443?x", NULL, NULL, NULL, NULL, false, 0 },
		{ "https://u@127.0.0.1", NULL, NULL, NULL, NULL, false, 0 },
		{ "https://[api]:1", NULL, NULL, NULL, NULL, false, 0 },
		{ "https://a b", NULL, NULL, NULL, NULL, false, 0 },
		{ "https://", NULL, NULL, NULL, NULL, false, 0 },
		{ "https://[::1", NULL, NULL, NULL, NULL, false, 0 },
		{ "http://127.0.0.1", "c", NULL, NULL, NULL, false, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_config c = { 0 };
		struct nd_diag d = { 0 };
		struct nd_arena a;
		nd_arena_init(&a, 1 << 20);
		int err = nd_config_endpoint(rows[i].url, rows[i].cert, rows[i].cert, rows[i].cert,
					     &a, &c, &d);
		if (err != (rows[i].host ? 0 : ND_ECONF) ||
		    (rows[i].host &&
		     (strcmp(c.host, rows[i].host) != 0 || strcmp(c.prefix, rows[i].prefix) != 0 ||
		      c.tls != rows[i].tls || c.port != rows[i].port || !c.name != !rows[i].name ||
		      (c.name ? c.addr.len || strcmp(c.name, rows[i].name) != 0
			      : nd_addr_port(&c.addr) != rows[i].port))))
			fail_msg("%s: %d %s", rows[i].url, err, d.text);
		nd_arena_clear(&a);
	}
}

static void test_in_cluster(void **state)
{
	struct nd_config c = { 0 };
	struct nd_diag d = { 0 };
	struct nd_arena a;

	(void)state;
	nd_arena_init(&a, 1 << 20);
	assert_int_equal(nd_config_in_cluster(NULL, "443", folder, &a, &c, &d), ND_ECONF);
	assert_non_null(strstr(d.text, "KUBERNETES_SERVICE_HOST"));
	d = (struct nd_diag){ 0 };
	assert_int_equal(nd_config_in_cluster("::1", "443", folder, &a, &c, &d), ND_ECONF);
	assert_non_null(strstr(d.text, "token is missing; set automountServiceAccountToken: true"));
	put("token", "secret\n");
	d = (struct nd_diag){ 0 };
	assert_int_equal(nd_config_in_cluster("::1", "443", folder, &a, &c, &d), 0);
	assert_string_equal(c.host, "[::1]:443");
	assert_non_null(c.token_file);
	assert_non_null(c.options.ca.file);
	nd_arena_clear(&a);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "config", "token" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < ND_COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kubeconfig), cmocka_unit_test(test_exec),
		cmocka_unit_test(test_mistakes),   cmocka_unit_test(test_files),
		cmocka_unit_test(test_endpoint),   cmocka_unit_test(test_in_cluster),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
