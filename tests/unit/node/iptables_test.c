/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "node/iptables.h"
#include "support/netns.h"

static bool refused;

static int enter(void **state)
{
	(void)state;
	refused = nd_netns_enter() != 0;
	return 0;
}

static const char *const texts[] = { "169.254.20.10", "10.96.0.10", "fd00::a" };
static const char *const tools[] = { "iptables-nft", "iptables-nft", "ip6tables-nft" };

static int act(int (*what)(const struct nd_iptables_config *, struct nd_iptables_result *,
			   struct nd_diag *),
	       struct nd_iptables_result *done)
{
	struct nd_addr addrs[ND_COUNT(texts)];
	struct nd_diag d = { .set = false };

	for (size_t i = 0; i < ND_COUNT(texts); i++)
		assert_int_equal(nd_addr_parse_ip(texts[i], 0, &addrs[i]), 0);
	int err = what(&(struct nd_iptables_config){ .addrs = addrs,
						     .naddrs = ND_COUNT(texts),
						     .port = 53,
						     .health_port = 8080 },
		       done, &d);
	if (err)
		fail_msg("%s: %s", nd_err_text(err), d.text);
	return err;
}

/* The rules of raw and filter, without counters: one "-A INPUT ... " per line. */
static void list(const char *tool, char *out, size_t n)
{
	char command[128];

	snprintf(command, sizeof command, "%s-save 2>/dev/null | grep '^-A' || true", tool);
	nd_netns_run(command, out, n);
}

static void assert_rules(const char *tool, const char *want)
{
	char got[65536];

	list(tool, got, sizeof got);
	if (strcmp(got, want) != 0)
		fail_msg("%s-save prints:\n%s\nexpected:\n%s", tool, got, want);
}

/* The rules of one address as NodeLocal DNSCache adds them, in its order; `comments`: as images
 * since 2023 do. */
static void put_originals(const char *tool, const char *address, bool comments)
{
	static const struct {
		const char *where, *what, *target;
	} rows[] = {
		{ "-t raw -I PREROUTING", "-p tcp -d %s --dport 53", "NOTRACK" },
		{ "-t raw -I PREROUTING", "-p udp -d %s --dport 53", "NOTRACK" },
		{ "-t filter -I INPUT", "-p tcp -d %s --dport 53", "ACCEPT" },
		{ "-t filter -I INPUT", "-p udp -d %s --dport 53", "ACCEPT" },
		{ "-t raw -I OUTPUT", "-p tcp -s %s --sport 53", "NOTRACK" },
		{ "-t raw -I OUTPUT", "-p udp -s %s --sport 53", "NOTRACK" },
		{ "-t filter -I OUTPUT", "-p tcp -s %s --sport 53", "ACCEPT" },
		{ "-t filter -I OUTPUT", "-p udp -s %s --sport 53", "ACCEPT" },
		{ "-t raw -I OUTPUT", "-p tcp -d %s --dport 53", "NOTRACK" },
		{ "-t raw -I OUTPUT", "-p udp -d %s --dport 53", "NOTRACK" },
		{ "-t raw -I OUTPUT", "-p tcp -d %s --dport 8080", "NOTRACK" },
		{ "-t raw -I OUTPUT", "-p tcp -s %s --sport 8080", "NOTRACK" },
	};
	char command[512], what[128], out[512];

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		snprintf(what, sizeof what, rows[i].what,
			 address); /* NOLINT(clang-diagnostic-format-nonliteral) */
		snprintf(command, sizeof command, "%s %s %s -j %s%s 2>&1", tool, rows[i].where,
			 what, rows[i].target,
			 comments ? " -m comment --comment 'NodeLocal DNS Cache: skip conntrack'"
				  : "");
		nd_netns_run(command, out, sizeof out);
	}
}

#define OURS "-m comment --comment \"nodens: allow DNS traffic\" -j ACCEPT\n"

static const char accepts4[] = "-A INPUT -d 10.96.0.10/32 -p udp -m udp --dport 53 " OURS
			       "-A INPUT -d 10.96.0.10/32 -p tcp -m tcp --dport 53 " OURS
			       "-A INPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 " OURS
			       "-A INPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 53 " OURS
			       "-A INPUT -j DROP\n"
			       "-A OUTPUT -s 10.96.0.10/32 -p udp -m udp --sport 53 " OURS
			       "-A OUTPUT -s 10.96.0.10/32 -p tcp -m tcp --sport 53 " OURS
			       "-A OUTPUT -s 169.254.20.10/32 -p udp -m udp --sport 53 " OURS
			       "-A OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 53 " OURS;
static const char accepts6[] = "-A INPUT -d fd00::a/128 -p udp -m udp --dport 53 " OURS
			       "-A INPUT -d fd00::a/128 -p tcp -m tcp --dport 53 " OURS
			       "-A INPUT -j DROP\n"
			       "-A OUTPUT -s fd00::a/128 -p udp -m udp --sport 53 " OURS
			       "-A OUTPUT -s fd00::a/128 -p tcp -m tcp --sport 53 " OURS;

static void run(const char *command)
{
	char out[1024];

	nd_netns_run(command, out, sizeof out);
}

/* iptables tables that do not exist are not created. */
static void test_nothing_there(void **state)
{
	struct nd_iptables_result done;
	char got[256];
	(void)state;

	if (refused)
		skip();
	act(nd_iptables_install, &done);
	assert_int_equal(done.removed + done.added, 0);
	nd_netns_run("nft list ruleset", got, sizeof got);
	assert_string_equal(got, "");
}

static void test_accepts(void **state)
{
	struct nd_iptables_result done;
	(void)state;

	if (refused)
		skip();
	for (int i = 0; i < 3; i += 2) {
		char command[256];
		snprintf(command, sizeof command, "%s -A INPUT -j DROP && %s -L OUTPUT >/dev/null",
			 tools[i], tools[i]);
		run(command);
		snprintf(command, sizeof command, "%s -P OUTPUT DROP", tools[i]);
		run(command);
	}
	act(nd_iptables_install, &done);
	assert_int_equal(done.added, 12);
	for (int i = 0; i < 2; i++) { /* the second time nothing changes */
		assert_rules("iptables-nft", accepts4);
		assert_rules("ip6tables-nft", accepts6);
		act(nd_iptables_install, &done);
		assert_int_equal(done.removed + done.added, 0);
	}
	act(nd_iptables_remove, &done);
	assert_int_equal(done.removed, 12);
	assert_rules("iptables-nft", "-A INPUT -j DROP\n");
	assert_rules("ip6tables-nft", "-A INPUT -j DROP\n");
	run("nft flush ruleset");
}

/* Rules of NodeLocal DNSCache, from two of its images, added twice by each: all are replaced. */
static void test_originals(void **state)
{
	static const char foreign[] =
		"-A PREROUTING -d 169.254.20.10/32 -i eth7 -p udp -m udp --dport 53 -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.11/32 -p udp -m udp --dport 53 -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 54 -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.0/24 -p udp -m udp --dport 53 -j NOTRACK\n"
		"-A PREROUTING ! -d 169.254.20.10/32 -p udp -m udp --dport 53 -j NOTRACK\n"
		"-A PREROUTING -s 10.0.0.1/32 -d 169.254.20.10/32 -p udp -m udp --dport 53 -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.10/32 -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 -j CT --zone 7\n"
		"-A INPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 -j DROP\n";
	struct nd_iptables_result done;
	char line[8192], command[1024];
	(void)state;

	if (refused)
		skip();
	strcpy(line, foreign);
	for (char *rest = line, *l; (l = strtok_r(rest, "\n", &rest));) {
		snprintf(command, sizeof command, "iptables-nft -t %s %s",
			 strncmp(l, "-A INPUT", 8) == 0 ? "filter" : "raw", l);
		run(command);
	}
	for (size_t i = 0; i < ND_COUNT(texts); i++) {
		put_originals(tools[i], texts[i], true);
		put_originals(tools[i], texts[i], false);
		put_originals(tools[i], texts[i], true);
	}
	act(nd_iptables_install, &done);
	/* Of 36 per address, four are kept: one ACCEPT of each kind. */
	assert_int_equal(done.removed, 3 * 32);
	assert_int_equal(done.added, 0);
	act(nd_iptables_install, &done);
	assert_int_equal(done.removed + done.added, 0);
	act(nd_iptables_remove, &done);
	assert_int_equal(done.removed, 3 * 4);
	assert_rules("iptables-nft", foreign);
	assert_rules("ip6tables-nft", "");
	run("nft flush ruleset");
}

/* More rules than fit into a batch. */
static void test_piles(void **state)
{
	struct nd_iptables_result done;
	(void)state;

	if (refused)
		skip();
	for (int i = 0; i < 10; i++) /* only root can send more at once */
		run("(echo '*raw'; for i in $(seq 250); do echo '-A PREROUTING -d 10.96.0.10/32 -p udp -m udp"
		    " --dport 53 -j NOTRACK'; done; echo COMMIT) | iptables-nft-restore --noflush");
	act(nd_iptables_install, &done);
	assert_int_equal(done.removed, 2500);
	assert_rules("iptables-nft", "");
	run("nft flush ruleset");
}

static void test_old_backend(void **state)
{
	struct nd_iptables_result done;
	(void)state;

	if (refused ||
	    system("iptables-legacy -t raw -L -n >/dev/null 2>&1") != 0) /* NOLINT(cert-env33-c) */
		skip();
	act(nd_iptables_install, &done);
	assert_true(done.has_legacy_raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_originals),     cmocka_unit_test(test_piles),
		cmocka_unit_test(test_old_backend),
	};
	return cmocka_run_group_tests(tests, enter, NULL);
}
