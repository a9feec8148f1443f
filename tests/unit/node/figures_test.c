/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "node/figures.h"

static bool has_line(const struct nd_buf *page, const char *line)
{
	const char *at = strstr(nd_buf_string(page), line);

	return at && (at == page->data || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static void test_page(void **state)
{
	static const char *const fresh[] = {
		"# TYPE coredns_nodecache_setup_errors_total counter",
		"coredns_nodecache_setup_errors_total{errortype=\"iptables\"} 0",
		"coredns_nodecache_setup_errors_total{errortype=\"iptables_lock\"} 0",
		"coredns_nodecache_setup_errors_total{errortype=\"interface_add\"} 0",
		"coredns_nodecache_setup_errors_total{errortype=\"interface_check\"} 0",
		"coredns_nodecache_setup_errors_total{errortype=\"configmap\"} 0",
		"nodens_node_intercepting 0",
		"nodens_node_serving 0",
	};
	static const char *const used[] = {
		"coredns_nodecache_setup_errors_total{errortype=\"configmap\"} 3",
		"nodens_node_restored_total{what=\"link\"} 1",
		"nodens_node_restored_total{what=\"rules\"} 2",
		"nodens_node_link_up 1",
		"nodens_node_intercepting 1",
		"nodens_node_serving 1",
	};
	struct nd_figures f = { 0 };
	struct nd_buf page;
	(void)state;

	nd_buf_init(&page, 1 << 16);
	nd_figures_page(&f, &page);
	for (size_t i = 0; i < ND_COUNT(fresh); i++)
		if (!has_line(&page, fresh[i]))
			fail_msg("%s is not in %s", fresh[i], nd_buf_string(&page));
	nd_buf_reset(&page);
	f.errors[ND_FIGURES_CONFIGMAP] = 3;
	f.link_restored = 1;
	f.rules_restored = 2;
	f.serving = f.link_up = f.intercepting = true;
	nd_figures_page(&f, &page);
	for (size_t i = 0; i < ND_COUNT(used); i++)
		if (!has_line(&page, used[i]))
			fail_msg("%s is not in %s", used[i], nd_buf_string(&page));
	nd_buf_clear(&page);
}

static void test_address(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {
		{ "0.0.0.0:9353", "0.0.0.0:9353" },
		{ ":9353", "[::]:9353" },
		{ "[::1]:9353", "[::1]:9353" },
		{ "127.0.0.1", NULL },
		{ "127.0.0.1:0", NULL },
		{ "host:9353", NULL },
		{ "", NULL },
		{ ":", NULL },
		{ ":99999", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[ND_ADDR_TEXT_MAX] = "";
		struct nd_addr a;
		int ret = nd_figures_address(rows[i].text, &a);
		if (ret == 0)
			nd_addr_format(&a, text);
		if (ret != (rows[i].want ? 0 : ND_EFORMAT) ||
		    strcmp(text, rows[i].want ? rows[i].want : "") != 0)
			fail_msg("\"%s\": got %d, %s", rows[i].text, ret, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
