/* SPDX-License-Identifier: Apache-2.0 */
#include "io/cpuquota.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "io/file.h"

enum { FILE_MAX = 65536, VALUE_MAX = 128 };

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

static unsigned round_up(long long quota, long long period)
{
	if (quota <= 0 || period <= 0)
		return 0;
	long long cpus = quota / period + (quota % period != 0);
	return cpus > INT_MAX ? INT_MAX : (unsigned)cpus;
}

/* Version 2: "cpu.max" says "max 100000" or "150000 100000". */
static unsigned quota_v2(const char *dir)
{
	char text[VALUE_MAX];
	long long quota, period = 100000;

	if (!read_value(dir, "cpu.max", text) || sscanf(text, "%lld %lld", &quota, &period) < 1)
		return 0;
	return round_up(quota, period);
}

/* Version 1: two files; a quota of -1 means no limit. */
static unsigned quota_v1(const char *dir)
{
	char quota[VALUE_MAX], period[VALUE_MAX];

	if (!read_value(dir, "cpu.cfs_quota_us", quota) ||
	    !read_value(dir, "cpu.cfs_period_us", period))
		return 0;
	return round_up(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

static unsigned smaller(unsigned a, unsigned b)
{
	return !a || (b && b < a) ? b : a;
}

/* The smallest quota from mount/path up to mount itself. In a container without a cgroup namespace,
 * path is the host's and only the root of the mount exists; that is always read. */
static unsigned walk(const char *mount, const char *path, unsigned (*quota)(const char *dir))
{
	char dir[PATH_MAX];
	unsigned least = 0;
	size_t root = strlen(mount);

	if (snprintf(dir, sizeof dir, "%s%s", mount, path) >= (int)sizeof dir)
		return quota(mount);
	for (;;) {
		least = smaller(least, quota(dir));
		char *slash = strrchr(dir + root, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* True if the comma-separated list contains the controller "cpu". */
static bool has_cpu(const char *list)
{
	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0'))
			return true;
	}
	return false;
}

/* One line of the membership file: "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1). */
static unsigned line_quota(char *line, const char *root)
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
		return smaller(walk(root, path, quota_v2), walk(mount, path, quota_v2));
	}
	if (!has_cpu(list))
		return 0;
	snprintf(mount, sizeof mount, "%s/%s", root, list);
	unsigned named = walk(mount, path, quota_v1);
	snprintf(mount, sizeof mount, "%s/cpu", root);
	return smaller(named, walk(mount, path, quota_v1));
}

unsigned nd_cpuquota_cpus(const char *membership, const char *root)
{
	struct nd_buf b;
	unsigned least = 0;
	char *rest, *line;

	nd_buf_init(&b, FILE_MAX);
	if (nd_file_read(membership, &b) == 0) {
		for (line = strtok_r(b.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			least = smaller(least, line_quota(line, root));
	}
	nd_buf_clear(&b);
	return least;
}
