/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "support/netns.h"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int err = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* Maps the user to root in a new user namespace. */
static int become_root(uid_t uid, gid_t gid)
{
	char map[64];
	int err;

	snprintf(map, sizeof map, "0 %u 1", uid);
	if ((err = write_file("/proc/self/uid_map", map)) ||
	    (err = write_file("/proc/self/setgroups", "deny")))
		return err;
	snprintf(map, sizeof map, "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

int nd_netns_enter(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int err = 0;

	if (unshare(CLONE_NEWNET | (uid ? CLONE_NEWUSER : 0)) < 0)
		err = -errno;
	else if (uid)
		err = become_root(uid, gid);
	if (err)
		fprintf(stderr, "SKIPPED: cannot create a network namespace: %s\n", strerror(-err));
	return err;
}

void nd_netns_run(const char *command, char *out, size_t n)
{
	FILE *f = popen(command, "r"); /* NOLINT(cert-env33-c): text of the test */

	assert_non_null(f);
	size_t len = fread(out, 1, n - 1, f);
	out[len] = '\0';
	if (pclose(f) != 0)
		fail_msg("%s: failed: %s", command, out);
}
