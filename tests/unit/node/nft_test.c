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
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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
	return nd_nft_install(n,
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

/* The exact output of nft(8). */
#define STAY_RULES                                                                 \
	"table inet nodens-stay {\n"                                               \
	"\tchain postrouting {\n"                                                  \
	"\t\ttype nat hook postrouting priority srcnat + 10; policy accept;\n"     \
	"\t\tip saddr 169.254.20.10 ct status dnat oifname != \"lo\" masquerade\n" \
	"\t\tip6 saddr fd00:10::a ct status dnat oifname != \"lo\" masquerade\n"   \
	"\t}\n"                                                                    \
	"}\n"
static const char both_rules[] =
	"table inet nodens {\n"
	"\tflags owner\n\n"
	"\tset tracked4 {\n"
	"\t\ttype ipv4_addr . inet_service . ipv4_addr\n"
	"\t\tsize 8192\n"
	"\t\tflags dynamic\n"
	"\t}\n\n"
	"\tset tracked6 {\n"
	"\t\ttype ipv6_addr . inet_service . ipv6_addr\n"
	"\t\tsize 8192\n"
	"\t\tflags dynamic\n"
	"\t}\n\n"
	"\tchain prerouting {\n"
	"\t\ttype filter hook prerouting priority raw - 1; policy accept;\n"
	"\t\tip daddr 169.254.20.10 tcp dport 53 fib daddr type local ip saddr . tcp sport . ip daddr != @tracked4 notrack\n"
	"\t\tip daddr 169.254.20.10 udp dport 53 fib daddr type local socket wildcard 0 notrack\n"
	"\t\tip6 daddr fd00:10::a tcp dport 53 fib daddr type local ip6 saddr . tcp sport . ip6 daddr != @tracked6 notrack\n"
	"\t\tip6 daddr fd00:10::a udp dport 53 fib daddr type local socket wildcard 0 notrack\n"
	"\t}\n\n"
	"\tchain output {\n"
	"\t\ttype filter hook output priority raw - 1; policy accept;\n"
	"\t\tip daddr 169.254.20.10 tcp dport 53 fib daddr type local ip saddr . tcp sport . ip daddr != @tracked4 notrack\n"
	"\t\tip saddr 169.254.20.10 tcp sport 53 notrack\n"
	"\t\tip daddr 169.254.20.10 udp dport 53 fib daddr type local notrack\n"
	"\t\tip saddr 169.254.20.10 udp sport 53 notrack\n"
	"\t\tip daddr 169.254.20.10 tcp dport 8080 fib daddr type local notrack\n"
	"\t\tip saddr 169.254.20.10 tcp sport 8080 notrack\n"
	"\t\tip6 daddr fd00:10::a tcp dport 53 fib daddr type local ip6 saddr . tcp sport . ip6 daddr != @tracked6 notrack\n"
	"\t\tip6 saddr fd00:10::a tcp sport 53 notrack\n"
	"\t\tip6 daddr fd00:10::a udp dport 53 fib daddr type local notrack\n"
	"\t\tip6 saddr fd00:10::a udp sport 53 notrack\n"
	"\t\tip6 daddr fd00:10::a tcp dport 8080 fib daddr type local notrack\n"
	"\t\tip6 saddr fd00:10::a tcp sport 8080 notrack\n"
	"\t}\n"
	"}\n" STAY_RULES;

static void test_rules(void **state)
{
	struct nd_diag d;
	(void)state;

	if (refused)
		skip();
	struct nd_nft *n = new (-1);
	assert_ruleset("");
	for (int i = 0; i < 2; i++) { /* the second time replaces the first */
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

static bool has(const char *what)
{
	static char got[1 << 17];

	nd_netns_run("nft list ruleset", got, sizeof got);
	return strstr(got, what) != NULL;
}

/* Starts nft(8) as an observer of changes, which writes them to the file; returns its pid once it
 * does. */
static pid_t observe(const char *file)
{
	char command[256], out[4096] = "";

	snprintf(command, sizeof command, "nft monitor > %s 2>&1 & echo $!", file);
	nd_netns_run(command, out, sizeof out);
	pid_t pid = (pid_t)atoi(out); /* NOLINT(cert-err34-c): the shell's */
	snprintf(command, sizeof command,
		 "nft 'add table inet probe; delete table inet probe'; cat %s", file);
	for (int i = 0; i < 500 && !strstr(out, "delete table inet probe"); i++) {
		usleep(10000);
		nd_netns_run(command, out, sizeof out);
	}
	return pid;
}

/* Between the reading of the connection table and the rules a connection could begin: the packet
 * path exempts new ones first, in a transaction of its own. */
static void test_learns_first(void **state)
{
	char file[] = "/tmp/nft-test-XXXXXX", command[64], out[32768];
	struct nd_diag d;
	(void)state;

	if (refused)
		skip();
	close(mkstemp(file));
	pid_t pid = observe(file);
	struct nd_nft *n = new (-1);
	assert_int_equal(put(n, "nodens", both, 1, 0, &d), 0);
	assert_int_equal(put(n, "nodens", both, 2, 0, &d), 0);
	assert_int_equal(nd_nft_remove(n, &d), 0);
	nd_nft_free(n);
	usleep(300000);
	kill(pid, SIGKILL);
	snprintf(command, sizeof command, "cat %s", file);
	nd_netns_run(command, out, sizeof out);
	unlink(file);
	for (int i = 0; i < 2; i++) {
		const char *add = strstr(out, i ? "add @tracked6" : "add @tracked4");
		const char *use = strstr(out, i ? "!= @tracked6" : "!= @tracked4");
		assert_non_null(add);
		assert_non_null(use);
		assert_true(add < use);
		assert_non_null(memmem(add, (size_t)(use - add), "# new generation", 16));
	}
}

/* The first step of a clean exit: nothing is intercepted, our responses stay untracked. */
static void test_leaving(void **state)
{
	static const char *const one[] = { "10.96.0.10" };
	struct nd_addr addr;
	struct nd_diag d;
	(void)state;

	if (refused)
		skip();
	struct nd_nft *n = new (-1);
	assert_int_equal(put(n, "nodens", one, 1, 0, &d), 0);
	assert_true(has("ip daddr 10.96.0.10 udp dport 53"));
	assert_int_equal(nd_addr_parse_ip(one[0], 0, &addr), 0);
	struct nd_nft_config c = {
		.table = "nodens", .addrs = &addr, .naddrs = 1, .port = 53, .draining = true
	};
	assert_int_equal(nd_nft_install(n, &c, &d), 0);
	assert_false(has("udp dport"));
	assert_true(has("ip saddr 10.96.0.10 udp sport 53 notrack"));
	assert_true(has("add @tracked4"));
	assert_true(has("masquerade"));
	assert_int_equal(nd_nft_remove(n, &d), 0);
	assert_ruleset("");
	assert_int_equal(nd_nft_remove(n, &d), 0);
	nd_nft_free(n);
}

/* Existing tables of that name: one without an owner is replaced, another process's is kept. */
static void test_name_is_taken(void **state)
{
	char out[256];
	struct nd_diag d;
	(void)state;

	if (refused)
		skip();
	struct nd_nft *n = new (-1), *other = new (-1);
	nd_netns_run(
		"nft 'add table inet nodens; add chain inet nodens old; add table inet nodens-stay; "
		"add chain inet nodens-stay old'",
		out, sizeof out);
	assert_int_equal(put(n, "nodens", both, 2, 8080, &d), 0);
	assert_ruleset(both_rules);

	assert_int_equal(put(other, "nodens", both, 1, 0, &d), -EBUSY);
	assert_non_null(strstr(d.text, "inet nodens belongs to another process"));
	assert_int_equal(nd_nft_remove(other, &d), 0);
	assert_ruleset(both_rules);

	/* A second agent can use another name; a third name replaces that. */
	assert_int_equal(put(other, "nodens-2", both, 2, 0, &d), 0);
	assert_int_equal(put(other, "nodens-3", both, 2, 0, &d), 0);
	assert_false(has("nodens-2"));
	assert_true(has("table inet nodens-3 {"));
	nd_nft_free(other);
	assert_false(has("table inet nodens-3 {"));
	assert_int_equal(nd_nft_remove(n, &d), 0);
	nd_nft_free(n);
	nd_netns_run("nft flush ruleset", out, sizeof out);
}

/* A flush by another process: the owned table remains, and the missing one is detected. */
static void test_flushed_by_others(void **state)
{
	char out[256];
	struct nd_diag d;
	bool missing = true;
	(void)state;

	if (refused)
		skip();
	struct nd_nft *n = new (-1);
	assert_int_equal(put(n, "nodens", both, 2, 8080, &d), 0);
	assert_int_equal(nd_nft_check(n, &missing, &d), 0);
	assert_false(missing);
	nd_netns_run("nft flush ruleset", out, sizeof out);
	assert_true(has("table inet nodens {"));
	assert_true(has("tcp dport 53"));
	assert_int_equal(nd_nft_check(n, &missing, &d), 0);
	assert_true(missing); /* the table without an owner */
	assert_int_equal(put(n, "nodens", both, 2, 8080, &d), 0);
	assert_ruleset(both_rules);
	assert_int_equal(nd_nft_remove(n, &d), 0);
	nd_nft_free(n);
}

/* When a process is killed, its table is removed; unless another process holds the socket: then it
 * remains, and belongs to the successor. */
static void test_killed(void **state)
{
	struct nd_diag d;
	bool missing = true;
	(void)state;

	if (refused)
		skip();
	for (int held = 0; held < 2; held++) {
		struct nd_nft *n = new (-1);
		int fd = held ? dup(nd_nft_fd(n)) : -1, pipes[2];
		assert_int_equal(pipe(pipes), 0);
		pid_t child = fork();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* even if the test fails */
			char ok = put(n, "nodens", both, 2, 8080, &d) == 0;
			(void)!write(pipes[1], &ok, 1);
			pause();
			_exit(0);
		}
		nd_nft_free(n);
		char ok = 0;
		assert_int_equal(read(pipes[0], &ok, 1), 1);
		assert_true(ok);
		assert_ruleset(both_rules);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		close(pipes[0]);
		close(pipes[1]);
		assert_ruleset(held ? both_rules : STAY_RULES);
		n = new (fd);
		assert_int_equal(put(n, "nodens", both, 2, 8080, &d), 0);
		assert_int_equal(nd_nft_check(n, &missing, &d), 0);
		assert_false(missing);
		assert_ruleset(both_rules);
		assert_int_equal(nd_nft_remove(n, &d), 0);
		assert_ruleset("");
		nd_nft_free(n);
	}
}

static void test_refuses(void **state)
{
	struct nd_addr addrs[65];
	struct nd_diag d;
	struct nd_nft *n = NULL;
	char name[80];
	(void)state;

	if (refused)
		skip();
	n = new (-1);
	for (size_t i = 0; i < ND_COUNT(addrs); i++)
		addrs[i] = nd_addr_from(AF_INET, (const uint8_t[]){ 10, 0, 0, (uint8_t)i }, 0);
	struct nd_nft_config c = { .table = "nodens", .addrs = addrs, .naddrs = 65, .port = 53 };
	d = (struct nd_diag){ .set = false };
	assert_int_equal(nd_nft_install(n, &c, &d), -E2BIG);
	assert_non_null(strstr(d.text, "at most 64"));
	c.naddrs = 64; /* the maximum, in one batch */
	c.health_port = 8080;
	assert_int_equal(nd_nft_install(n, &c, &d), 0);
	assert_true(has("ip daddr 10.0.0.63 tcp dport 53"));
	memset(name, 'x', sizeof name);
	name[79] = '\0';
	d = (struct nd_diag){ .set = false };
	c.table = name;
	assert_int_equal(nd_nft_install(n, &c, &d), -EINVAL);
	assert_true(has("ip daddr 10.0.0.63 tcp dport 53"));
	assert_int_equal(nd_nft_remove(n, &d), 0);
	nd_nft_free(n);

	/* Not a netfilter socket. */
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	d = (struct nd_diag){ .set = false };
	assert_int_equal(nd_nft_new(fd, &n, &d), -ENOTSOCK);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_non_null(strstr(d.text, "netlink socket"));
}

/* Without the capability the message names it. */
static void test_without_rights(void **state)
{
	struct nd_diag d;
	(void)state;

	if (refused || geteuid() != 0)
		skip();
	pid_t child = fork();
	if (child == 0) {
		if (setuid(65534) < 0)
			_exit(9);
		struct nd_nft *n = new (-1);
		int err = put(n, "nodens", both, 2, 0, &d);
		_exit(err != -EPERM ? 1 : !strstr(d.text, "CAP_NET_ADMIN"));
	}
	int status;
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 9)
		skip(); /* a user namespace with one user */
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_learns_first),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_name_is_taken),
		cmocka_unit_test(test_flushed_by_others),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_without_rights),
	};
	return cmocka_run_group_tests(tests, enter, NULL);
}
