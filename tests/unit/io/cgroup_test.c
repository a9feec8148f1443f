/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/cgroup.h"

/* Writes text to ROOT/path and creates the directories. */
static void put(const char *root, const char *path, const char *text)
{
	char full[512];

	snprintf(full, sizeof full, "%s/%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void remove_tree(const char *root)
{
	char command[300];

	snprintf(command, sizeof command, "rm -rf -- '%s'", root);
	assert_int_equal(system(command), 0);
}

static void test_quota(void **state)
{
	static const struct {
		const char *name, *membership;
		const char *files[6]; /* path, text, path, text, ... */
		unsigned want;
	} rows[] = {
		{ "v2, none", "0::/\n", { "cpu.max", "max 100000\n" }, 0 },
		{ "v2, rounded up", "0::/\n", { "cpu.max", "150000 100000\n" }, 2 },
		{ "v2, a tenth", "0::/\n", { "cpu.max", "10000 100000\n" }, 1 },
		{ "v2, own", "0::/a/b\n", { "a/b/cpu.max", "300000 100000\n" }, 3 },
		{ "v2, parent's is smaller",
		  "0::/a/b\n",
		  { "a/b/cpu.max", "300000 100000\n", "a/cpu.max", "200000 100000\n" },
		  2 },
		{ "v2, parent's is larger",
		  "0::/a/b\n",
		  { "a/b/cpu.max", "300000 100000\n", "a/cpu.max", "800000 100000\n" },
		  3 },
		{ "v2, the host's path in a container",
		  "0::/kubepods/pod1/x\n",
		  { "cpu.max", "400000 100000\n" },
		  4 },
		{ "v1",
		  "4:cpu,cpuacct:/a\n",
		  { "cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n", "cpu,cpuacct/a/cpu.cfs_period_us",
		    "100000\n" },
		  3 },
		{ "v1, none",
		  "4:cpu,cpuacct:/\n",
		  { "cpu,cpuacct/cpu.cfs_quota_us", "-1\n", "cpu,cpuacct/cpu.cfs_period_us",
		    "100000\n" },
		  0 },
		{ "v1, mounted as cpu",
		  "5:memory:/z\n4:cpuacct,cpu:/x\n",
		  { "cpu/cpu.cfs_quota_us", "50000\n", "cpu/cpu.cfs_period_us", "50000\n" },
		  1 },
		{ "v1, another controller",
		  "4:cpuset:/\n",
		  { "cpuset/cpu.cfs_quota_us", "100000\n", "cpuset/cpu.cfs_period_us", "100000\n" },
		  0 },
		{ "both",
		  "4:cpu:/\n0::/s\n",
		  { "cpu/cpu.cfs_quota_us", "600000\n", "cpu/cpu.cfs_period_us", "100000\n",
		    "unified/s/cpu.max", "500000 100000\n" },
		  5 },
		{ "nonsense", "what\n\n:::\n0::/\n", { "cpu.max", "lots\n" }, 0 },
		{ "period of nothing", "0::/\n", { "cpu.max", "100000 0\n" }, 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char root[] = "/tmp/cgroup_test.XXXXXX", membership[64];
		assert_non_null(mkdtemp(root));
		put(root, "membership", rows[i].membership);
		for (size_t k = 0; k < 6 && rows[i].files[k]; k += 2)
			put(root, rows[i].files[k], rows[i].files[k + 1]);
		snprintf(membership, sizeof membership, "%s/membership", root);
		unsigned got = nd_cgroup_cpus(membership, root);
		remove_tree(root);
		if (got != rows[i].want)
			fail_msg("%s: got %u, want %u", rows[i].name, got, rows[i].want);
	}
	assert_int_equal(nd_cgroup_cpus("/nowhere/at/all", "/nowhere"), 0);
}

static void test_memory(void **state)
{
	static const struct {
		const char *name, *membership;
		const char *files[4];
		uint64_t want;
	} rows[] = {
		{ "v2, no limit", "0::/\n", { "memory.max", "max\n" }, 0 },
		{ "v2", "0::/\n", { "memory.max", "178257920\n" }, 178257920 },
		{ "v2, parent's is smaller",
		  "0::/a/b\n",
		  { "a/b/memory.max", "300\n", "a/memory.max", "200\n" },
		  200 },
		{ "v1",
		  "7:memory:/x\n",
		  { "memory/x/memory.limit_in_bytes", "33554432\n" },
		  33554432 },
		{ "v1, no limit",
		  "7:memory:/\n",
		  { "memory/memory.limit_in_bytes", "9223372036854771712\n" },
		  0 },
		{ "v1, another controller",
		  "7:cpuset:/\n",
		  { "cpuset/memory.limit_in_bytes", "100\n" },
		  0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char root[] = "/tmp/cgroup_test.XXXXXX", membership[64];
		assert_non_null(mkdtemp(root));
		put(root, "membership", rows[i].membership);
		for (size_t k = 0; k < 4 && rows[i].files[k]; k += 2)
			put(root, rows[i].files[k], rows[i].files[k + 1]);
		snprintf(membership, sizeof membership, "%s/membership", root);
		uint64_t got = nd_cgroup_memory(membership, root);
		remove_tree(root);
		if (got != rows[i].want)
			fail_msg("%s: got %llu, want %llu", rows[i].name, (unsigned long long)got,
				 (unsigned long long)rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_quota),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
