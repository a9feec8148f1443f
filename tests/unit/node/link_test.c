/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <net/if.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "node/link.h"
#include "support/netns.h"

#define LINK "nodelocaldns"

static bool refused;

static int enter(void **state)
{
	(void)state;
	refused = nd_netns_enter() != 0;
	return 0;
}

/* Calls nd_link_up() with these addresses. */
static int up(const char *name, const char *const *texts, size_t n, bool *changed,
	      struct nd_diag *d)
{
	struct nd_addr addrs[8];

	*d = (struct nd_diag){ .set = false };
	for (size_t i = 0; i < n; i++)
		assert_int_equal(nd_addr_parse_ip(texts[i], 0, &addrs[i]), 0);
	return nd_link_up(&(struct nd_link_config){ .name = name, .addrs = addrs, .naddrs = n },
			  changed, d);
}

/* The addresses of the link as ip(8) prints them: "169.254.20.10/32 fd00::10/128 ". */
static void list(char *out, size_t n)
{
	nd_netns_run("ip -o addr show dev " LINK " | awk '{printf \"%s \", $4}'", out, n);
}

static void assert_addresses(const char *want)
{
	char got[512];

	list(got, sizeof got);
	assert_string_equal(got, want);
}

static void test_up_and_down(void **state)
{
	static const char *const both[] = { "169.254.20.10", "10.96.0.10", "fd00:10::a" };
	struct nd_diag d = { .set = false };
	bool changed = false;
	(void)state;

	if (refused)
		skip();
	assert_int_equal(nd_link_down(LINK, &d), 0); /* none yet */
	assert_int_equal(up(LINK, both, 3, &changed, &d), 0);
	assert_true(changed);
	assert_addresses("169.254.20.10/32 10.96.0.10/32 fd00:10::a/128 ");

	unsigned int index = if_nametoindex(LINK);
	assert_int_equal(up(LINK, both, 3, &changed, &d), 0);
	assert_false(changed);
	assert_int_equal(if_nametoindex(LINK), index);

	assert_int_equal(nd_link_down(LINK, &d), 0);
	assert_int_equal(if_nametoindex(LINK), 0);
	assert_int_equal(nd_link_down(LINK, &d), 0);
}

/* Addresses can be bound while the link is down; for IPv6 that requires NODAD. */
static void test_addresses_can_be_bound(void **state)
{
	static const char *const texts[] = { "169.254.20.10", "fd00:10::a" };
	struct nd_diag d;
	bool changed;
	(void)state;

	if (refused)
		skip();
	assert_int_equal(up(LINK, texts, 2, &changed, &d), 0);
	for (int i = 0; i < 2; i++) {
		struct nd_addr a;
		assert_int_equal(nd_addr_parse_ip(texts[i], 5353, &a), 0);
		int fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_true(fd >= 0);
		if (bind(fd, &a.sa, a.len) < 0)
			fail_msg("%s: %s", texts[i], strerror(errno));
		close(fd);
	}
	assert_int_equal(nd_link_down(LINK, &d), 0);
}

/* A link left by a killed agent or by NodeLocal DNSCache is kept and corrected. */
static void test_adopts(void **state)
{
	static const char *const texts[] = { "169.254.20.10", "fd00:10::a" };
	char out[512];
	struct nd_diag d;
	bool changed = false;
	(void)state;

	if (refused)
		skip();
	nd_netns_run("(ip link add " LINK " type dummy 2>/dev/null || ip link add " LINK
		     " type bridge)"
		     " && ip addr add 169.254.20.10/32 dev " LINK
		     " && ip addr add 10.1.2.3/24 dev " LINK " && ip addr add 10.1.2.4/24 dev " LINK
		     " && ip addr add fd00:10::a/64 dev " LINK
		     " && ip addr add fd00:10::b/128 dev " LINK,
		     out, sizeof out);
	unsigned int index = if_nametoindex(LINK);
	assert_int_equal(up(LINK, texts, 2, &changed, &d), 0);
	assert_true(changed);
	assert_int_equal(if_nametoindex(LINK), index);
	assert_addresses("169.254.20.10/32 fd00:10::a/128 ");
	nd_netns_run("ip -6 -o addr show dev " LINK, out, sizeof out);
	assert_null(strstr(out, "tentative"));
	assert_non_null(strstr(out, "nodad"));
	assert_int_equal(nd_link_down(LINK, &d), 0);
}

/* Links that are not ours, and invalid names. */
static void test_refuses(void **state)
{
	static const struct {
		const char *name, *link, *before, *after, *says;
		int err;
	} rows[] = {
		{ "loopback", "lo", "true", "true", "is not virtual", -EEXIST },
		{ "a veth", "v0", "ip link add v0 type veth peer v1", "ip link del v0",
		  "of kind veth", -EEXIST },
		{ "a bridge in use", "br0",
		  "ip link add br0 type bridge && ip link add v0 type veth peer v1 && ip link set v0 master br0",
		  "ip link del v0 && ip link del br0", "with 1 ports", -EEXIST },
		{ "no name", "", "true", "true", "1 to 15", -EINVAL },
		{ "a long name", "nodelocaldnscache", "true", "true", "1 to 15", -EINVAL },
	};
	static const char *const texts[] = { "169.254.20.10" };
	char out[64];
	(void)state;

	if (refused)
		skip();
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d, down = { .set = false };
		bool changed = false;
		nd_netns_run(rows[i].before, out, sizeof out);
		int got = up(rows[i].link, texts, 1, &changed, &d);
		if (got != rows[i].err || !strstr(d.text, rows[i].says) || changed)
			fail_msg("%s: up: %d \"%s\"", rows[i].name, got, d.text);
		got = nd_link_down(rows[i].link, &down);
		if (got != rows[i].err || !strstr(down.text, rows[i].says))
			fail_msg("%s: down: %d \"%s\"", rows[i].name, got, down.text);
		nd_netns_run(rows[i].after, out, sizeof out);
	}
}

static void test_ipv6_is_off(void **state)
{
	static const char *const texts[] = { "fd00:10::a" };
	struct nd_diag d, ignored = { .set = false };
	char out[64];
	bool changed;
	(void)state;

	if (refused)
		skip();
	nd_netns_run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6", out, sizeof out);
	int err = up(LINK, texts, 1, &changed, &d);
	nd_netns_run("echo 0 > /proc/sys/net/ipv6/conf/default/disable_ipv6", out, sizeof out);
	assert_int_equal(err, -EACCES);
	assert_non_null(strstr(d.text, "disable_ipv6"));
	assert_int_equal(nd_link_down(LINK, &ignored), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_and_down), cmocka_unit_test(test_addresses_can_be_bound),
		cmocka_unit_test(test_adopts),      cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_ipv6_is_off),
	};
	return cmocka_run_group_tests(tests, enter, NULL);
}
