/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "node/template.h"

#define UP "forward . __PILLAR__UPSTREAM__SERVERS__"

static const char *const two[] = { "10.1.1.1", "[fd00::1]:5353" };

static struct nd_kubedns_stub stubs[] = {
	{ "a.example", two, 1 },
	{ "b.example", two, 2 },
};

static const struct {
	const char *name, *local, *cluster;
	size_t nup, nstubs;
	const char *text, *want; /* want NULL: refused */
} render_rows[] = {
	{ "nothing", "1.1.1.1", NULL, 0, 0, "", "" },
	{ "no variable", "1.1.1.1", NULL, 0, 0, "a_b __PILLAR__ {\n}", "a_b __PILLAR__ {\n}\n" },
	{ "all local addresses", "1.1.1.1,fd00::a", NULL, 0, 0, "bind __PILLAR__LOCAL__DNS__\n",
	  "bind 1.1.1.1 fd00::a\n" },
	{ "before a port: the first", "1.1.1.1,fd00::a", NULL, 0, 0,
	  "health __PILLAR__LOCAL__DNS__:8080\n", "health 1.1.1.1:8080\n" },
	{ "before a port: with brackets", "fd00::a,1.1.1.1", NULL, 0, 0,
	  "health __PILLAR__LOCAL__DNS__:8080\n", "health [fd00::a]:8080\n" },
	{ "the server's address is removed", "1.1.1.1", NULL, 0, 0,
	  "bind 1.1.1.1 __PILLAR__DNS__SERVER__\n", "bind 1.1.1.1 \n" },
	{ "the cluster's DNS", "1.1.1.1", "10.96.0.11", 0, 0,
	  "forward . __PILLAR__CLUSTER__DNS__ {\n", "forward . 10.96.0.11 {\n" },
	{ "the cluster's DNS is unknown", "1.1.1.1", NULL, 0, 0,
	  "x\nforward . __PILLAR__CLUSTER__DNS__ {\n", NULL },
	{ "unknown, but in a comment", "1.1.1.1", NULL, 0, 0,
	  "# __PILLAR__CLUSTER__DNS__ is replaced\n __PROMETHEUS__ENDPOINT__",
	  "# __PILLAR__CLUSTER__DNS__ is replaced\n :9253\n" },
	{ "unknown, and not a comment", "1.1.1.1", NULL, 0, 0, "a#__PILLAR__CLUSTER__DNS__\n",
	  NULL },
	{ "metrics", "1.1.1.1", NULL, 0, 0, "prometheus __PROMETHEUS__ENDPOINT__\n",
	  "prometheus :9253\n" },
	{ "the file", "1.1.1.1", NULL, 0, 0, UP "\n", "forward . /etc/resolv.conf\n" },
	{ "the file, with force_tcp", "1.1.1.1", NULL, 0, 0, UP " {\n force_tcp\n }\n",
	  "forward . /etc/resolv.conf {\n force_tcp\n }\n" },
	{ "servers", "1.1.1.1", NULL, 2, 0, UP "\n", "forward . 10.1.1.1 [fd00::1]:5353\n" },
	{ "servers: force_tcp is dropped", "1.1.1.1", NULL, 1, 0,
	  UP " {\n\t\tforce_tcp\n    }\n}\n", "forward . 10.1.1.1\n}\n" },
	{ "servers: a block with more than force_tcp is kept", "1.1.1.1", NULL, 1, 0,
	  UP " {\n force_tcp\n max_fails 1\n}\n",
	  "forward . 10.1.1.1 {\n force_tcp\n max_fails 1\n}\n" },
	{ "stub domains", "1.1.1.1,fd00::a", NULL, 0, 2, ".:53 {\n}",
	  ".:53 {\n}\n"
	  "a.example:53 {\n    errors\n    cache 30\n    bind 1.1.1.1 fd00::a\n"
	  "    forward . 10.1.1.1\n}\n"
	  "b.example:53 {\n    errors\n    cache 30\n    bind 1.1.1.1 fd00::a\n"
	  "    forward . 10.1.1.1 [fd00::1]:5353\n}\n" },
};

static void test_render(void **state)
{
	(void)state;

	for (size_t i = 0; i < ND_COUNT(render_rows); i++) {
		struct nd_kubedns k = { .stubs = stubs,
					.nstubs = render_rows[i].nstubs,
					.upstreams = { two[0], two[1] },
					.nupstreams = render_rows[i].nup };
		struct nd_addr local[2];
		struct nd_template_values v = { .local = local,
						.nlocal = strchr(render_rows[i].local, ',') ? 2 : 1,
						.cluster_dns = render_rows[i].cluster,
						.cluster_dns_from = "KUBE_DNS_SERVICE_HOST",
						.prometheus = ":9253",
						.port = 53 };
		struct nd_diag d = { 0 };
		struct nd_buf out;
		char first[64];
		strcpy(first, render_rows[i].local);
		char *comma = strchr(first, ',');
		if (comma)
			*comma = '\0';
		assert_int_equal(nd_addr_parse_ip(first, 53, &local[0]), 0);
		if (comma)
			assert_int_equal(nd_addr_parse_ip(comma + 1, 53, &local[1]), 0);

		nd_buf_init(&out, 1 << 16);
		int ret = nd_template_render("base", render_rows[i].text, &v, &k, &out, &d);
		if (ret != (render_rows[i].want ? 0 : ND_ECONF))
			fail_msg("%s: got %d: %s", render_rows[i].name, ret, d.text);
		if (ret == 0 && strcmp(nd_buf_string(&out), render_rows[i].want) != 0)
			fail_msg("%s: got %s", render_rows[i].name, nd_buf_string(&out));
		nd_buf_clear(&out);
	}
}

/* The message has file and line of a variable without a value, and nothing replaces it. */
static void test_names_the_place(void **state)
{
	struct nd_addr local;
	struct nd_kubedns k = { .upstreams = { two[0] }, .nupstreams = 1 };
	struct nd_template_values v = { .local = &local,
					.nlocal = 1,
					.cluster_dns_from = "KUBE_DNS_UPSTREAM_SERVICE_HOST",
					.prometheus = ":9253",
					.port = 53 };
	struct nd_diag d = { 0 };
	struct nd_buf out;
	(void)state;

	assert_int_equal(nd_addr_parse_ip("1.1.1.1", 53, &local), 0);
	nd_buf_init(&out, 1 << 16);
	assert_int_equal(nd_template_render("base",
					    UP " {\n force_tcp\n}\n"
					       "forward . __PILLAR__CLUSTER__DNS__\n",
					    &v, &k, &out, &d),
			 ND_ECONF);
	assert_non_null(strstr(d.text, "base:4 - "));
	assert_non_null(strstr(d.text, "KUBE_DNS_UPSTREAM_SERVICE_HOST"));
	assert_null(strstr(nd_buf_string(&out), "nil"));
	nd_buf_clear(&out);

	nd_buf_init(&out, 4);
	assert_int_equal(nd_template_render("base", "12345", &v, &k, &out, &d), ND_ELIMIT);
	nd_buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_names_the_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
