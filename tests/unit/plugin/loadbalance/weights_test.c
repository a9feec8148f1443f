/* SPDX-License-Identifier: Apache-2.0 */
/* The weight file: what its lines mean, and the messages for those that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "plugin/loadbalance/weights.h"

static struct nd_weights *parse(const char *text, struct nd_diag *d)
{
	char *copy = strdup(text);
	struct nd_weights *w = nd_weights_parse(copy, "w", d);

	free(copy);
	return w;
}

static unsigned weight(const struct nd_weights *w, const char *name, const char *address)
{
	struct nd_name_buf buf;
	struct nd_name owner;
	struct nd_addr a;
	size_t n;

	assert_int_equal(nd_name_parse(name, true, &buf, &owner), 0);
	assert_int_equal(nd_addr_parse_ip(address, 0, &a), 0);
	const uint8_t *bytes = nd_addr_bytes(&a, &n);
	return nd_weights_of(w, owner, bytes, n);
}

static void test_lines(void **state)
{
	struct nd_diag d = { 0 };
	struct nd_weights *w = parse("# comment\n\n  WWW.example.org \r\n10.0.0.1 3\n"
				     "\t2001:db8::1\t255\n10.0.0.1 9\na.\n10.0.0.1 4\n"
				     "www.example.org.\n10.0.0.2 7",
				     &d);
	(void)state;

	assert_non_null(w);
	assert_int_equal(weight(w, "www.example.org", "10.0.0.1"), 3); /* the first one counts */
	assert_int_equal(weight(w, "www.example.org", "2001:db8::1"), 255);
	assert_int_equal(weight(w, "www.example.org", "10.0.0.2"), 7);
	assert_int_equal(weight(w, "www.example.org", "10.0.0.3"), 1);
	assert_int_equal(weight(w, "a", "10.0.0.1"), 4);
	assert_int_equal(weight(w, "a", "10.0.0.2"), 1);
	assert_int_equal(weight(w, "b", "10.0.0.1"), 1);
	assert_int_equal(weight(NULL, "b", "10.0.0.1"), 1);
	nd_weights_free(w);
	w = parse("", &d);
	assert_int_equal(weight(w, "a", "10.0.0.1"), 1);
	nd_weights_free(w);
}

static void test_many(void **state)
{
	enum { NAMES = 20000 };
	struct nd_diag d = { 0 };
	char *text = malloc(NAMES * 40), *at = text, name[32];
	(void)state;

	for (unsigned i = NAMES; i-- > 0;)
		at += sprintf(at, "n%u.test\n10.0.0.1 %u\n", i, i % 255 + 1);
	struct nd_weights *w = parse(text, &d);
	assert_non_null(w);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "n%u.test", i);
		assert_int_equal(weight(w, name, "10.0.0.1"), i % 255 + 1);
	}
	nd_weights_free(w);
	free(text);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *wants;
	} rows[] = {
		{ "10.0.0.1 1", "missing domain name in weight file w" },
		{ "a\n10.0.0.1", "wrong domain name:\"10.0.0.1\" in weight file w. (Maybe" },
		{ "a..b\n10.0.0.1 1", "wrong domain name:\"a..b\" in weight file w" },
		{ "a\nb 1", "wrong IP address:\"b\" in weight file w" },
		{ "a\n10.0.0.1 0", "wrong weight value:\"0\" in weight file w" },
		{ "a\n10.0.0.1 256", "wrong weight value:\"256\" in weight file w" },
		{ "a\n10.0.0.1 1x", "wrong weight value:\"1x\" in weight file w" },
		{ "a\n10.0.0.1 -1", "wrong weight value:\"-1\" in weight file w" },
		{ "a\n10.0.0.1 1 2", "could not parse weight line:\"10.0.0.1 1 ...\"" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		assert_null(parse(rows[i].text, &d));
		if (!strstr(d.text, rows[i].wants))
			fail_msg("%s: %s", rows[i].text, d.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
