/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of server blocks, and the choice of the block for a question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "core/site.h"
#include "wire/type.h"

static struct nd_arena arena;

static int open_arena(void **state)
{
	(void)state;
	nd_arena_init(&arena, 64 << 20);
	return 0;
}

static int clear_arena(void **state)
{
	(void)state;
	nd_arena_clear(&arena);
	return 0;
}

static void test_keys(void **state)
{
	static const struct {
		const char *key;
		enum nd_scheme scheme;
		uint16_t port;
		const char *zones;
	} rows[] = {
		{ ".", ND_SCHEME_DNS, 0, "." },
		{ ".:53", ND_SCHEME_DNS, 53, "." },
		{ ":1053", ND_SCHEME_DNS, 1053, "." },
		{ "Example.ORG", ND_SCHEME_DNS, 0, "example.org." },
		{ "example.org.:65535", ND_SCHEME_DNS, 65535, "example.org." },
		{ "dns://a.test:53", ND_SCHEME_DNS, 53, "a.test." },
		{ "tls://.", ND_SCHEME_TLS, 0, "." },
		{ "https://a.test:8443", ND_SCHEME_HTTPS, 8443, "a.test." },
		{ "https3://a.test", ND_SCHEME_HTTPS3, 0, "a.test." },
		/* Part of the name, as with CoreDNS. */
		{ "a.test:http", ND_SCHEME_DNS, 0, "a.test:http." },
		{ "a.test:70000", ND_SCHEME_DNS, 0, "a.test:70000." },
		{ "udp://a.test", ND_SCHEME_DNS, 0, "udp://a.test." },
		/* networks, on and off a byte or nibble boundary */
		{ "10.0.0.0/8", ND_SCHEME_DNS, 0, "10.in-addr.arpa." },
		{ "10.1.2.0/24:53", ND_SCHEME_DNS, 53, "2.1.10.in-addr.arpa." },
		{ "10.1.2.3/32", ND_SCHEME_DNS, 0, "3.2.1.10.in-addr.arpa." },
		{ "0.0.0.0/0", ND_SCHEME_DNS, 0, "in-addr.arpa." },
		{ "10.0.2.0/23", ND_SCHEME_DNS, 0, "2.0.10.in-addr.arpa. 3.0.10.in-addr.arpa." },
		{ "192.0.2.252/30", ND_SCHEME_DNS, 0,
		  "252.2.0.192.in-addr.arpa. 253.2.0.192.in-addr.arpa. 254.2.0.192.in-addr.arpa. "
		  "255.2.0.192.in-addr.arpa." },
		{ "2001:db8::/32", ND_SCHEME_DNS, 0, "8.b.d.0.1.0.0.2.ip6.arpa." },
		{ "2001:db8::/31:53", ND_SCHEME_DNS, 53,
		  "8.b.d.0.1.0.0.2.ip6.arpa. 9.b.d.0.1.0.0.2.ip6.arpa." },
		{ "2001:db8::/34", ND_SCHEME_DNS, 0,
		  "0.8.b.d.0.1.0.0.2.ip6.arpa. 1.8.b.d.0.1.0.0.2.ip6.arpa. "
		  "2.8.b.d.0.1.0.0.2.ip6.arpa. 3.8.b.d.0.1.0.0.2.ip6.arpa." },
		{ "dns://2001:db8:a000::/36", ND_SCHEME_DNS, 0, "a.8.b.d.0.1.0.0.2.ip6.arpa." },
		{ "10.0.0.0/33", ND_SCHEME_DNS, 0, "10.0.0.0/33." },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_conf_token key = { .text = rows[i].key, .file = "Corefile", .line = 3 };
		struct nd_diag d = { 0 };
		enum nd_scheme scheme;
		struct nd_name *zones;
		uint16_t port;
		size_t n;
		struct nd_buf text;
		if (nd_site_parse_key(&key, &arena, &scheme, &port, &zones, &n, &d))
			fail_msg("%s: %s", rows[i].key, d.text);
		nd_buf_init(&text, 4096);
		for (size_t k = 0; k < n; k++) {
			char one[ND_NAME_TEXT_MAX];
			nd_name_format(zones[k], one);
			nd_buf_printf(&text, "%s%s", k ? " " : "", one);
		}
		if (strcmp(nd_buf_string(&text), rows[i].zones) != 0 || scheme != rows[i].scheme ||
		    port != rows[i].port)
			fail_msg("%s: %d %u %s", rows[i].key, (int)scheme, port,
				 nd_buf_string(&text));
		nd_buf_clear(&text);
	}
}

static void test_bad_keys(void **state)
{
	static const char *const rows[] = {
		"a..test",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test",
		".a.test",
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_conf_token key = { .text = rows[i], .file = "Corefile", .line = 3 };
		struct nd_diag d = { 0 };
		enum nd_scheme scheme;
		struct nd_name *zones;
		uint16_t port;
		size_t n;
		assert_int_equal(nd_site_parse_key(&key, &arena, &scheme, &port, &zones, &n, &d),
				 ND_ECONF);
		assert_non_null(strstr(d.text, rows[i]));
		assert_int_equal(strncmp(d.text, "Corefile:3 - ", 13), 0);
	}
}

static struct nd_endpoint endpoint(const char *const *zones, size_t n, struct nd_site *sites)
{
	static struct nd_block block;
	static struct nd_chain chain = { .len = 1 };
	struct nd_endpoint e = { .sites = nd_arena_array(&arena, n, sizeof *e.sites), .nsites = n };

	for (size_t i = 0; i < n; i++) {
		struct nd_name *zone;
		size_t count;
		assert_int_equal(nd_site_parse_zone(zones[i], &arena, &zone, &count), 0);
		sites[i] = (struct nd_site){
			.zone = *zone, .zone_text = zones[i], .chain = &chain, .block = &block
		};
		e.sites[i] = &sites[i];
	}
	assert_int_equal(nd_site_index(&e, &arena), 0);
	return e;
}

static const char *found(const struct nd_endpoint *e, const char *name, uint16_t type)
{
	static struct nd_query q;
	struct nd_name_buf buf;

	assert_int_equal(nd_name_parse(name, true, &buf, &q.msg.qname), 0);
	q.msg.qtype = type;
	q.endpoint = e;
	const struct nd_site *s = nd_site_find(&q);
	return s ? s->zone_text : "-";
}

static void test_find(void **state)
{
	static const char *const zones[] = { ".",         "test.",       "a.test.",
					     "b.a.test.", "c.b.a.test.", "10.in-addr.arpa." };
	static const char *const no_root[] = { "test.", "b.a.test." };
	static const char *const only[] = { "." };
	static const struct {
		const char *name;
		uint16_t type;
		const char *all, *no_root, *only;
	} rows[] = {
		{ ".", ND_TYPE_NS, ".", "-", "." },
		{ "org.", ND_TYPE_A, ".", "-", "." },
		{ "test.", ND_TYPE_A, "test.", "test.", "." },
		{ "x.test.", ND_TYPE_A, "test.", "test.", "." },
		{ "atest.", ND_TYPE_A, ".", "-", "." },
		{ "xa.test.", ND_TYPE_A, "test.", "test.", "." },
		{ "a.test.", ND_TYPE_A, "a.test.", "test.", "." },
		{ "x.y.b.a.test.", ND_TYPE_A, "b.a.test.", "b.a.test.", "." },
		{ "4.3.2.10.in-addr.arpa.", ND_TYPE_PTR, "10.in-addr.arpa.", "-", "." },
		{ "4.3.2.1.in-addr.arpa.", ND_TYPE_PTR, ".", "-", "." },
		/* DS is in the parent zone, but not "."; the shortest is used (seen with CoreDNS). */
		{ "b.a.test.", ND_TYPE_DS, "test.", "test.", "." },
		{ "test.", ND_TYPE_DS, "test.", "test.", "." },
		{ "org.", ND_TYPE_DS, ".", "-", "." },
	};
	struct nd_site sites[3][ND_COUNT(zones)];
	struct nd_endpoint all = endpoint(zones, ND_COUNT(zones), sites[0]);
	struct nd_endpoint some = endpoint(no_root, ND_COUNT(no_root), sites[1]);
	struct nd_endpoint one = endpoint(only, 1, sites[2]);
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		const char *a = found(&all, rows[i].name, rows[i].type),
			   *b = found(&some, rows[i].name, rows[i].type),
			   *c = found(&one, rows[i].name, rows[i].type);
		if (strcmp(a, rows[i].all) != 0 || strcmp(b, rows[i].no_root) != 0 ||
		    strcmp(c, rows[i].only) != 0)
			fail_msg("%s %u: %s %s %s", rows[i].name, rows[i].type, a, b, c);
	}
}

/* Thousands of zones, one with many labels: each is found, and names next to them are not. */
static void test_many(void **state)
{
	enum { N = 5000 };
	const char **zones = nd_arena_array(&arena, N, sizeof *zones);
	struct nd_site *sites = nd_arena_array(&arena, N, sizeof *sites);
	char deep[256] = "";
	(void)state;

	for (unsigned i = 0; i < 100; i++)
		strcat(deep, "l.");
	for (unsigned i = 0; i + 1 < N; i++)
		zones[i] = nd_arena_printf(&arena, "z%u.test.", i);
	zones[N - 1] = deep;
	struct nd_endpoint e = endpoint(zones, N, sites);
	for (unsigned i = 0; i + 1 < N; i++)
		assert_string_equal(found(&e, nd_arena_printf(&arena, "www.z%u.test.", i),
					  ND_TYPE_A),
				    zones[i]);
	assert_string_equal(found(&e, "www.z5000.test.", ND_TYPE_A), "-");
	assert_string_equal(found(&e, "test.", ND_TYPE_A), "-");
	assert_string_equal(found(&e, nd_arena_printf(&arena, "x.y.%s", deep), ND_TYPE_A), deep);
	assert_string_equal(found(&e, deep + 2, ND_TYPE_A), "-");
}

#define ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, clear_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA(test_keys),
		ARENA(test_bad_keys),
		ARENA(test_find),
		ARENA(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
