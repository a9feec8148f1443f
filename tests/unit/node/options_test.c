/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "node/options.h"

static void test_local(void **state)
{
	static const struct {
		const char *name, *text, *want; /* want NULL: refused */
	} rows[] = {
		{ "one", "169.254.20.10", "169.254.20.10:53" },
		{ "two", "169.254.20.10,10.96.0.10", "169.254.20.10:53 10.96.0.10:53" },
		{ "the documented IPVS line", "169.254.20.10,", "169.254.20.10:53" },
		{ "empty items", ",,169.254.20.10,,10.96.0.10,", "169.254.20.10:53 10.96.0.10:53" },
		{ "both families", "169.254.20.10,fd00::a", "169.254.20.10:53 [fd00::a]:53" },
		{ "twice", "fd00::a,fd00:0::a", "[fd00::a]:53" },
		{ "nothing", "", NULL },
		{ "nothing but commas", ",,", NULL },
		{ "a name", "169.254.20.10,kube-dns", NULL },
		{ "a port", "169.254.20.10:53", NULL },
		{ "a blank", "169.254.20.10, 10.96.0.10", NULL },
		{ "the wildcard", "0.0.0.0", NULL },
		{ "a long word",
		  "1.1.1.1,1234567890123456789012345678901234567890123456789012345678901234567890",
		  NULL },
		{ "too many",
		  "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9,1.1.2.1,"
		  "1.1.2.2,1.1.2.3,1.1.2.4,1.1.2.5,1.1.2.6,1.1.2.7,1.1.2.8",
		  NULL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_addr out[ND_OPTIONS_ADDRS_MAX];
		struct nd_diag d = { 0 };
		struct nd_buf b;
		size_t n = 0;
		int ret = nd_options_local(rows[i].text, 53, out, &n, &d);
		if (ret != (rows[i].want ? 0 : ND_ECONF) || d.set == (ret == 0))
			fail_msg("%s: got %d: %s", rows[i].name, ret, d.text);
		nd_buf_init(&b, 4096);
		for (size_t k = 0; ret == 0 && k < n; k++) {
			char text[ND_ADDR_TEXT_MAX];
			nd_addr_format(&out[k], text);
			nd_buf_printf(&b, "%s%s", k ? " " : "", text);
		}
		if (ret == 0 && strcmp(nd_buf_string(&b), rows[i].want) != 0)
			fail_msg("%s: got %s", rows[i].name, nd_buf_string(&b));
		nd_buf_clear(&b);
	}
}

static void test_interval(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms; /* 0: refused */
	} rows[] = {
		{ "60s", 60000 },    { "60", 60000 },
		{ "60ns", 60000 },   { "1m30s", 90000 },
		{ "1s", 1000 },      { "1500ms", 1500 },
		{ "24h", 86400000 }, { "86400", 86400000 },
		{ "0", 0 },          { "0ns", 0 },
		{ "500ms", 0 },      { "25h", 0 },
		{ "86401", 0 },      { "-1s", 0 },
		{ "", 0 },           { "s", 0 },
		{ "60 s", 0 },       { "60x", 0 },
		{ "ns", 0 },         { "99999999999999999999999ns", 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		uint64_t ns = 0;
		int ret = nd_options_interval(rows[i].text, &ns, &d);
		if (ret != (rows[i].ms ? 0 : ND_ECONF) || ns != ND_MS(rows[i].ms))
			fail_msg("\"%s\": got %d, %llu ns", rows[i].text, ret,
				 (unsigned long long)ns);
	}

	/* Only a plain number of nanoseconds means seconds. */
	struct nd_diag d = { 0 };
	uint64_t ns = 0;
	assert_int_equal(nd_options_interval("1ns5s", &ns, &d), 0);
	assert_int_equal(ns, ND_S(5) + 1);
}

static void test_service(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "kube-dns", "KUBE_DNS_SERVICE_HOST" },
		{ "kube-dns-upstream", "KUBE_DNS_UPSTREAM_SERVICE_HOST" },
		{ "a1", "A1_SERVICE_HOST" },
		{ "", NULL },
		{ "a=b", NULL },
	};
	char out[ND_OPTIONS_ENV_MAX], longest[ND_OPTIONS_ENV_MAX];
	struct nd_diag d = { 0 };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		int ret = nd_options_service(rows[i].name, out, &d);
		if (ret != (rows[i].want ? 0 : ND_ECONF))
			fail_msg("%s: got %d", rows[i].name, ret);
		if (ret == 0)
			assert_string_equal(out, rows[i].want);
	}
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1 - strlen("_SERVICE_HOST")] = '\0';
	assert_int_equal(nd_options_service(longest, out, &d), 0);
	assert_int_equal(strlen(out), sizeof out - 1);
	longest[strlen(longest)] = 'a';
	longest[sizeof longest - strlen("_SERVICE_HOST")] = '\0';
	assert_int_equal(nd_options_service(longest, out, &d), ND_ECONF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_service),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
