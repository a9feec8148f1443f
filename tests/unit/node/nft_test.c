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
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "node/nft.h"
#include "support/netns.h"

static bool refused;

static int enter(void **state)
{
	(void)state;
	refused = nd_netns_enter() != 0;
	return 0;
}

static int put(struct nd_nft *n, const char *table, const char *const *texts, size_t naddrs,
	       uint16_t health, struct nd_diag *d)
{
	struct nd_addr addrs[8];

	*d = (struct nd_diag){ .set = false };
	for (size_t i = 0; i < naddrs; i++)
		assert_int_equal(nd_addr_parse_ip(texts[i], 0, &addrs[i]), 0);
	return nd_nft_put(n,
			  &(struct nd_nft_config){ .table = table,
						   .addrs = addrs,
						   .naddrs = naddrs,
						   .port = 53,
						   .health_port = health },
			  d);
}

static struct nd_nft *new (int fd)
{
	struct nd_diag d = { .set = false };
	struct nd_nft *n = NULL;

	if (nd_nft_new(fd, &n, &d))
		fail_msg("%s", d.text);
	return n;
}

static void assert_ruleset(const char *want)
{
	char got[16384];

	nd_netns_run("nft list ruleset | sed 's, # progname.*,,'", got, sizeof got);
	if (strcmp(got, want) != 0)
		fail_msg("nft lists:\n%s\nand not:\n%s", got, want);
}

static const char *const both[] = { "169.254.20.10", "fd00:10::a" };

/* Word for word what nft(8) says of them. */
#define STAY_RULES                                                                 \
	"table inet nodens-stay {\n"                                               \
	"\tchain postrouting {\n"                                                  \
	"\t\ttype nat hook postrouting priority srcnat + 10; policy accept;\n"     \
	"\t\tip saddr 169.254.20.10 ct status dnat oifname != \"lo\" masquerade\n" \
	"\t\tip6 saddr fd00:10::a ct status dnat oifname != \"lo\" masquerade\n"   \
	"\t}\n"                                                                    \
	"}\n"
static const char both_rules[] = STAY_RULES
	"table inet nodens {\n"
	"\tflags owner\n\n"
	"\tchain prerouting {\n"
	"\t\ttype filter hook prerouting priority raw; policy accept;\n"
	"\t\tip daddr 169.254.20.10 udp dport 53 fib daddr type local socket wildcard 0 notrack\n"
	"\t\tip6 daddr fd00:10::a udp dport 53 fib daddr type local socket wildcard 0 notrack\n"
	"\t}\n\n"
	"\tchain output {\n"
	"\t\ttype filter hook output priority raw; policy accept;\n"
	"\t\tip daddr 169.254.20.10 udp dport 53 fib daddr type local notrack\n"
	"\t\tip saddr 169.254.20.10 udp sport 53 notrack\n"
	"\t\tip daddr 169.254.20.10 tcp dport 8080 fib daddr type local notrack\n"
	"\t\tip saddr 169.254.20.10 tcp sport 8080 notrack\n"
	"\t\tip6 daddr fd00:10::a udp dport 53 fib daddr type local notrack\n"
	"\t\tip6 saddr fd00:10::a udp sport 53 notrack\n"
	"\t\tip6 daddr fd00:10::a tcp dport 8080 fib daddr type local notrack\n"
	"\t\tip6 saddr fd00:10::a tcp sport 8080 notrack\n"
	"\t}\n\n"
	"\tchain pin-prerouting {\n"
	"\t\ttype nat hook prerouting priority dstnat - 5; policy accept;\n"
	"\t\tip daddr 169.254.20.10 tcp dport 53 fib daddr type local socket wildcard 0 dnat ip to 169.254.20.10\n"
	"\t\tip6 daddr fd00:10::a tcp dport 53 fib daddr type local socket wildcard 0 dnat ip6 to fd00:10::a\n"
	"\t}\n\n"
	"\tchain pin-output {\n"
	"\t\ttype nat hook output priority -105; policy accept;\n"
	"\t\tip daddr 169.254.20.10 tcp dport 53 fib daddr type local dnat ip to 169.254.20.10\n"
	"\t\tip6 daddr fd00:10::a tcp dport 53 fib daddr type local dnat ip6 to fd00:10::a\n"
	"\t}\n"
	"}\n";

static void test_rules(void **state)
{
	struct nd_diag d;
	(void)state;

	if (refused)
		skip();
	struct nd_nft *n = new (-1);
	assert_ruleset("");
	for (int i = 0; i < 2; i++) { /* the second time in place of the first */
		if (put(n, "nodens", both, 2, 8080, &d))
			fail_msg("%s", d.text);
		assert_ruleset(both_rules);
	}
	nd_nft_free(n);
	assert_ruleset(STAY_RULES);

	n = new (-1); /* a successor */
	if (put(n, "nodens", both, 2, 8080, &d) || nd_nft_remove(n, &d))
		fail_msg("%s", d.text);
	assert_ruleset("");
	nd_nft_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
	};
	return cmocka_run_group_tests(tests, enter, NULL);
}
