/* SPDX-License-Identifier: Apache-2.0 */
#include "io/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "io/file.h"

enum { FILE_MAX = 65536, VALUE_MAX = 128 };

/* A limit of one kind, and how each version of cgroups says it. 0: no limit. */
struct limit {
	const char *controller; /* version 1 */
	uint64_t (*v1)(const char *dir);
	uint64_t (*v2)(const char *dir);
};

/* Reads "DIR/NAME" into text; false if it cannot be read. */
static bool read_value(const char *dir, const char *name, char text[VALUE_MAX])
{
	char path[PATH_MAX];
	struct nd_buf b;

	if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
		return false;
	nd_buf_init(&b, VALUE_MAX - 1);
	bool ok = nd_file_read(path, &b) == 0;
	if (ok)
		strcpy(text, nd_buf_string(&b));
	nd_buf_clear(&b);
	return ok;
}

static uint64_t round_up(long long quota, long long period)
{
	if (quota <= 0 || period <= 0)
		return 0;
	return (uint64_t)(quota / period + (quota % period != 0));
}

/* Version 2: "cpu.max" says "max 100000" or "150000 100000". */
static uint64_t cpus_v2(const char *dir)
{
	char text[VALUE_MAX];
	long long quota, period = 100000;

	if (!read_value(dir, "cpu.max", text) || sscanf(text, "%lld %lld", &quota, &period) < 1)
		return 0;
	return round_up(quota, period);
}

/* Version 1: two files; a quota of -1 means no limit. */
static uint64_t cpus_v1(const char *dir)
{
	char quota[VALUE_MAX], period[VALUE_MAX];

	if (!read_value(dir, "cpu.cfs_quota_us", quota) ||
	    !read_value(dir, "cpu.cfs_period_us", period))
		return 0;
	return round_up(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

/* Version 2: "memory.max" says "max" or bytes. */
static uint64_t memory_v2(const char *dir)
{
	char text[VALUE_MAX];

	return read_value(dir, "memory.max", text) ? strtoull(text, NULL, 10) : 0;
}

/* Version 1: without a limit, the largest multiple of a page. */
static uint64_t memory_v1(const char *dir)
{
	char text[VALUE_MAX];

	if (!read_value(dir, "memory.limit_in_bytes", text))
		return 0;
	uint64_t bytes = strtoull(text, NULL, 10);
	return bytes < (uint64_t)1 << 62 ? bytes : 0;
}

static const struct limit cpus = { "cpu", cpus_v1, cpus_v2 };
static const struct limit memory = { "memory", memory_v1, memory_v2 };

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* The smallest limit from mount/path up to mount itself. In a container without a cgroup namespace,
 * path is the host's and only the root of the mount exists; that is always read. */
static uint64_t walk(const char *mount, const char *path, uint64_t (*limit)(const char *dir))
{
	char dir[PATH_MAX];
	uint64_t least = 0;
	size_t root = strlen(mount);

	if (snprintf(dir, sizeof dir, "%s%s", mount, path) >= (int)sizeof dir)
		return limit(mount);
	for (;;) {
		least = smaller(least, limit(dir));
		char *slash = strrchr(dir + root, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* True if the comma-separated list contains the controller. */
static bool has(const char *list, const char *controller)
{
	size_t n = strlen(controller);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, controller, n) == 0 && (at[n] == ',' || at[n] == '\0'))
			return true;
	}
	return false;
}

/* One line of the membership file: "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1). */
static uint64_t line_limit(const struct limit *l, char *line, const char *root)
{
	char mount[PATH_MAX];
	char *list = strchr(line, ':');
	char *path = list ? strchr(list + 1, ':') : NULL;

	if (!path)
		return 0;
	list++;
	*path++ = '\0';
	if (!*list) {
		snprintf(mount, sizeof mount, "%s/unified", root); /* hybrid mode */
		return smaller(walk(root, path, l->v2), walk(mount, path, l->v2));
	}
	if (!has(list, l->controller))
		return 0;
	snprintf(mount, sizeof mount, "%s/%s", root, list);
	uint64_t named = walk(mount, path, l->v1);
	snprintf(mount, sizeof mount, "%s/%s", root, l->controller);
	return smaller(named, walk(mount, path, l->v1));
}

static uint64_t least_limit(const struct limit *l, const char *membership, const char *root)
{
	struct nd_buf b;
	uint64_t least = 0;
	char *rest, *line;

	nd_buf_init(&b, FILE_MAX);
	if (nd_file_read(membership, &b) == 0) {
		for (line = strtok_r(b.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			least = smaller(least, line_limit(l, line, root));
	}
	nd_buf_clear(&b);
	return least;
}

unsigned nd_cgroup_cpus(const char *membership, const char *root)
{
	uint64_t n = least_limit(&cpus, membership, root);

	return n > INT_MAX ? INT_MAX : (unsigned)n;
}

uint64_t nd_cgroup_memory(const char *membership, const char *root)
{
	return least_limit(&memory, membership, root);
}
