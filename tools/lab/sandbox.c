/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/err.h"

enum { PRIORITY = -10 };

__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...)
{
	const char *why = nd_err_text(-errno);
	va_list args;

	fprintf(stderr, "nodens lab: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr,
		": %s\n"
		"The lab needs network namespaces: run it as root, or let users create namespaces\n"
		"(sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0;\n"
		"in a container: privileged).\n",
		why);
	return ND_SANDBOX_REFUSED;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);

	if (fd < 0)
		return -1;
	int ok = write(fd, text, n) == (ssize_t)n ? 0 : -1;
	close(fd);
	return ok;
}

/* Maps this user to root inside. user_namespaces(7): setgroups must be denied before the group is
 * mapped. */
static int become_root(uid_t uid, gid_t gid)
{
	char line[64];

	if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
		return -1;
	snprintf(line, sizeof line, "0 %u 1", (unsigned)gid);
	if (write_file("/proc/self/gid_map", line) < 0)
		return -1;
	snprintf(line, sizeof line, "0 %u 1", (unsigned)uid);
	return write_file("/proc/self/uid_map", line);
}

static int enter_namespaces(void)
{
	const int mine = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	/* Root in a container may lack CAP_SYS_ADMIN and still be allowed a user namespace. */
	if (uid == 0 && unshare(mine) == 0)
		return 0;
	if (unshare(mine | CLONE_NEWUSER) < 0)
		return refuse("cannot create namespaces");
	return become_root(uid, gid) < 0 ? refuse("cannot map the user ID") : 0;
}

static int mount_private(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return refuse("cannot make mounts private");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return refuse("cannot mount /proc");
	if (mount("nodens-lab", ND_SANDBOX_FOLDER, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		return refuse("cannot mount " ND_SANDBOX_FOLDER);
	return 0;
}

/* The sandbox's first process: when it ends, the kernel kills all others. It ends with its parent,
 * even if the parent is killed between fork() and prctl(): the pipe is closed then. It has a
 * session of its own, so that Ctrl-C reaches only its parent. */
static int init_child(int parent)
{
	struct pollfd parent_exit = { .fd = parent, .events = POLLIN };
	sigset_t none;

	setsid();
	/* Reduces the influence of other load on the host. Fails for ordinary users: ignored. */
	(void)setpriority(PRIO_PROCESS, 0, PRIORITY);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&parent_exit, 1, 0) != 0)
		return ND_SANDBOX_SIGNAL + SIGKILL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return mount_private();
}

static int wait_status(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		ND_ASSERT(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : ND_SANDBOX_SIGNAL + WTERMSIG(status);
}

/* Waits until the child ends or a signal arrives. */
static int supervise(pid_t child, const sigset_t *signals)
{
	int sig;

	do
		sig = sigwaitinfo(signals, NULL);
	while (sig < 0 && errno == EINTR);
	if (sig == SIGCHLD)
		return wait_status(child);
	kill(child, SIGKILL);
	wait_status(child);
	fprintf(stderr, "\nnodens lab: interrupted; everything was removed\n");
	return ND_SANDBOX_SIGNAL + sig;
}

int nd_sandbox_run(int (*inside)(void *arg), void *arg)
{
	sigset_t signals;
	int parent[2];

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	int status = enter_namespaces();
	if (status)
		return status;
	if (pipe2(parent, O_CLOEXEC) < 0)
		return refuse("pipe");
	pid_t child = fork();
	if (child < 0)
		return refuse("cannot start a process");
	if (child == 0) {
		close(parent[1]);
		status = init_child(parent[0]);
		status = status ? status : inside(arg);
		fflush(NULL);
		_exit(status);
	}
	close(parent[0]);
	return supervise(child, &signals);
}
