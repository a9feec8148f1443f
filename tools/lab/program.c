/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/err.h"
#include "io/file.h"
#include "tools/lab/sandbox.h"

enum { SHOWN_LINES = 40, SHOWN_BYTES = 2000, NOT_STARTED = 127 };

static const struct {
	const char *name, *package;
} required[] = {
	{ "ip", "iproute2" },       { "sysctl", "procps" },
	{ "iptables", "iptables" }, { "iptables-restore", "iptables" },
	{ "nft", "nftables" },
};

static bool show_commands;

void nd_program_show(bool on)
{
	show_commands = on;
}

/* Whether PATH has the program. */
static bool is_in_path(const char *name)
{
	const char *path = getenv("PATH");

	for (const char *at = path ? path : ""; *at;) {
		char file[PATH_MAX];
		size_t n = strcspn(at, ":");
		snprintf(file, sizeof file, "%.*s/%s", (int)n, at, name);
		if (access(file, X_OK) == 0)
			return true;
		at += n + (at[n] == ':');
	}
	return false;
}

int nd_program_check(void)
{
	char path[PATH_MAX];
	int err = 0;

	/* Debian's /usr/sbin is not in every user's PATH. */
	snprintf(path, sizeof path, "%s:/usr/sbin:/sbin",
		 getenv("PATH") ? getenv("PATH") : "/usr/bin");
	setenv("PATH", path, 1);
	for (size_t i = 0; i < ND_COUNT(required); i++) {
		if (is_in_path(required[i].name))
			continue;
		fprintf(stderr, "nodens lab: %s is not installed (Debian package %s)\n",
			required[i].name, required[i].package);
		err = -ENOENT;
	}
	return err;
}

static void print_word(const char *word)
{
	if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "-_./:=,+@%") == strlen(word))
		fprintf(stderr, " %s", word);
	else
		fprintf(stderr, " '%s'", word);
}

/* Prints only the first lines: the input may have thousands of similar ones. */
static void print_input(const char *text)
{
	unsigned lines = 0, more = 0;

	fprintf(stderr, " <<'END'\n");
	for (; *text; text += strcspn(text, "\n") + 1) {
		if (lines < SHOWN_LINES) {
			fprintf(stderr, "%.*s\n", (int)strcspn(text, "\n"), text);
			lines++;
		} else {
			more++;
		}
		if (!text[strcspn(text, "\n")])
			break;
	}
	if (more)
		fprintf(stderr, "... %u more lines\n", more);
	fprintf(stderr, "END\n");
}

static void print_command(const struct nd_program *p)
{
	fprintf(stderr, "+");
	if (p->env)
		print_word(p->env);
	if (p->place)
		fprintf(stderr, " ip netns exec %s", p->place);
	for (unsigned i = 0; p->argv[i]; i++)
		print_word(p->argv[i]);
	if (p->log)
		fprintf(stderr, " &");
	if (p->input)
		print_input(p->input);
	else
		fputc('\n', stderr);
}

/* A file in memory, positioned at its start. */
static int create_memfd(const char *text)
{
	int fd = memfd_create("nodens-lab", MFD_CLOEXEC);
	size_t n = text ? strlen(text) : 0;

	for (size_t done = 0; fd >= 0 && done < n;) {
		ssize_t some = write(fd, text + done, n - done);
		if (some <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)some;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Not `ip netns exec`, which also remounts file systems that these programs do not read. */
static void enter_netns(const char *place)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, ND_SANDBOX_FOLDER "/netns/%s", place);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
		fprintf(stderr, "network namespace %s: %s\n", place, nd_err_text(-errno));
		_exit(NOT_STARTED);
	}
}

static void exec_program(const struct nd_program *p, int in, int out, int err)
{
	char *env = p->env ? strdup(p->env) : NULL;

	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(err, STDERR_FILENO) < 0)
		_exit(NOT_STARTED);
	if (p->place)
		enter_netns(p->place);
	if (env)
		putenv(env);
	execvp(p->argv[0], (char *const *)p->argv);
	fprintf(stderr, "%s\n", nd_err_text(-errno));
	_exit(NOT_STARTED);
}

static pid_t spawn(const struct nd_program *p, int out, int err)
{
	int in = p->input ? create_memfd(p->input) : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (show_commands)
		print_command(p);
	pid_t pid = in < 0 ? -1 : fork();
	if (pid == 0)
		exec_program(p, in, out, err);
	int why = errno;
	if (in >= 0)
		close(in);
	errno = why;
	return pid;
}

static int read_all(int fd, struct nd_buf *b)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return nd_file_read(path, b);
}

static void report_failure(const struct nd_program *p, int fd)
{
	struct nd_buf output;

	nd_buf_init(&output, ND_PROGRAM_BYTES);
	read_all(fd, &output);
	fprintf(stderr, "nodens lab: %s%s%s failed: %.*s\n", p->argv[0], p->place ? " in " : "",
		p->place ? p->place : "", SHOWN_BYTES, nd_buf_string(&output));
	nd_buf_clear(&output);
}

static int run(const struct nd_program *p, struct nd_buf *out, bool quiet)
{
	int output = create_memfd(NULL), errors = create_memfd(NULL), status = 0, err = 0;
	pid_t pid = output < 0 || errors < 0 ? -1 : spawn(p, output, errors);

	if (pid < 0) {
		err = -errno;
		fprintf(stderr, "nodens lab: %s: %s\n", p->argv[0], nd_err_text(err));
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		ND_ASSERT(errno == EINTR);
	if (!err && status != 0) {
		err = -EIO;
		if (!quiet)
			report_failure(p, errors);
	}
	if (!err && out)
		err = read_all(output, out);
	if (output >= 0)
		close(output);
	if (errors >= 0)
		close(errors);
	return err;
}

int nd_program_run(const struct nd_program *p, struct nd_buf *out)
{
	return run(p, out, false);
}

int nd_program_try(const struct nd_program *p, struct nd_buf *out)
{
	return run(p, out, true);
}

int nd_program_start(const struct nd_program *p, pid_t *pid)
{
	int log = open(p->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);

	*pid = log < 0 ? -1 : spawn(p, log, log);
	int err = *pid < 0 ? -errno : 0;
	if (log >= 0)
		close(log);
	if (!err)
		return 0;
	*pid = 0;
	fprintf(stderr, "nodens lab: %s: %s\n", p->argv[0], nd_err_text(err));
	return err;
}

bool nd_program_exited(pid_t *pid)
{
	if (*pid == 0 || waitpid(*pid, NULL, WNOHANG) != *pid)
		return false;
	*pid = 0;
	return true;
}

void nd_program_kill(pid_t *pid)
{
	if (*pid == 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}
