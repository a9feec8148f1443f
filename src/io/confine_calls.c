/* SPDX-License-Identifier: Apache-2.0 */
/* The system call filter, by libseccomp. */
#include "io/confine.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "base/err.h"

/* What a server with its libraries (libc with its resolver, libuv, OpenSSL) needs once it runs.
 * Wider than what a trace shows on one machine: other libc versions and architectures use siblings
 * of the same calls. */
static const char *const allowed[] = {
	/* files */
	"access",
	"chdir",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fchmod",
	"fchmodat",
	"fchown",
	"fcntl",
	"fcntl64",
	"fdatasync",
	"flock",
	"fstat",
	"fstat64",
	"fstatat64",
	"fstatfs",
	"fstatfs64",
	"fsync",
	"ftruncate",
	"ftruncate64",
	"getcwd",
	"getdents",
	"getdents64",
	"inotify_add_watch",
	"inotify_init",
	"inotify_init1",
	"inotify_rm_watch",
	"lseek",
	"_llseek",
	"lstat",
	"lstat64",
	"memfd_create",
	"mkdir",
	"mkdirat",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pipe",
	"pipe2",
	"pread64",
	"preadv",
	"preadv2",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readlink",
	"readlinkat",
	"readv",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"stat",
	"stat64",
	"statfs",
	"statfs64",
	"statx",
	"symlinkat",
	"umask",
	"unlink",
	"unlinkat",
	"utimensat",
	"write",
	"writev",
	/* events */
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_ctl_old",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"eventfd",
	"eventfd2",
	"poll",
	"ppoll",
	"ppoll_time64",
	"pselect6",
	"pselect6_time64",
	"select",
	"_newselect",
	"signalfd",
	"signalfd4",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	/* sockets; `socket` itself is below */
	"accept",
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recv",
	"recvfrom",
	"recvmmsg",
	"recvmmsg_time64",
	"recvmsg",
	"send",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	"socketpair",
	"ioctl",
	/* memory; `mmap` and `mprotect` are below */
	"brk",
	"madvise",
	"membarrier",
	"mincore",
	"mlock",
	"mremap",
	"msync",
	"munlock",
	"munmap",
	/* threads and signals; `clone` is below */
	"arch_prctl",
	"exit",
	"exit_group",
	"futex",
	"futex_time64",
	"futex_waitv",
	"get_robust_list",
	"getcpu",
	"gettid",
	"kill",
	"pause",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"sched_getaffinity",
	"sched_getparam",
	"sched_getscheduler",
	"sched_setaffinity",
	"sched_yield",
	"set_robust_list",
	"set_tid_address",
	"setpriority",
	"getpriority",
	"sigaltstack",
	"sigreturn",
	"tgkill",
	"tkill",
	"wait4",
	"waitid",
	"waitpid",
	/* time */
	"clock_getres",
	"clock_getres_time64",
	"clock_gettime",
	"clock_gettime64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"getitimer",
	"gettimeofday",
	"nanosleep",
	"setitimer",
	"time",
	"times",
	/* the process */
	"capget",
	"capset",
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getrandom",
	"getresgid",
	"getresuid",
	"getrlimit",
	"getrusage",
	"getsid",
	"getuid",
	"pidfd_open",
	"pidfd_send_signal",
	"prctl",
	"prlimit64",
	"setpgid",
	"setrlimit",
	"setsid",
	"sysinfo",
	"ugetrlimit",
	"uname",
	"seccomp",
};

/* What no program that nodens starts needs either. */
static const char *const refused[] = {
	"acct",
	"add_key",
	"bpf",
	"chroot",
	"clock_adjtime",
	"clock_settime",
	"create_module",
	"delete_module",
	"fanotify_init",
	"finit_module",
	"fsconfig",
	"fsmount",
	"fsopen",
	"fspick",
	"init_module",
	"io_uring_enter",
	"io_uring_register",
	"io_uring_setup",
	"ioperm",
	"iopl",
	"kcmp",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"lookup_dcookie",
	"mount",
	"mount_setattr",
	"move_mount",
	"name_to_handle_at",
	"nfsservctl",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"pidfd_getfd",
	"pivot_root",
	"process_vm_readv",
	"process_vm_writev",
	"quotactl",
	"quotactl_fd",
	"reboot",
	"request_key",
	"setns",
	"settimeofday",
	"stime",
	"swapoff",
	"swapon",
	"syslog",
	"umount",
	"umount2",
	"unshare",
	"userfaultfd",
	"vhangup",
};

/* Known calls that are refused with EPERM, so that a message says so and not "not implemented". */
static const char *const not_permitted[] = { "execve",  "execveat",         "mount", "setns",
					     "unshare", "process_vm_readv", "bpf" };
static const char *const tracing[] = { "ptrace" };

enum {
	NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
			 CLONE_NEWNET | CLONE_NEWCGROUP
};

/* A name that this architecture or this libseccomp does not have is skipped. */
static int add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(name[i]);
		int err = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, action, nr, 0);
		if (err && err != -EEXIST && err != -EDOM)
			return err;
	}
	return 0;
}

static int add_sockets(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	int err = 0;

	for (size_t i = 0; !err && i < ND_COUNT(families); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return err;
}

/* Threads and processes, but no new namespaces. clone3 passes its flags in memory, where a filter
 * can't look: it is unknown (ENOSYS), and libc uses clone. */
static int add_clone(scmp_filter_ctx ctx)
{
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				   SCMP_A0(SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0));

	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fork), 0);
	return err ? err : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(vfork), 0);
}

/* Code is never writable: no mapping that is both, and nothing is made executable later. */
static int add_memory(scmp_filter_ctx ctx, bool writable_code)
{
	const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2) };
	int err;

	if (writable_code) {
		static const char *const all[] = { "mmap", "mmap2", "mprotect" };
		return add_names(ctx, SCMP_ACT_ALLOW, all, ND_COUNT(all));
	}
	for (size_t i = 0; i < ND_COUNT(calls); i++) {
		static const unsigned combinations[] = { 0, PROT_WRITE, PROT_EXEC };
		for (size_t k = 0; k < ND_COUNT(combinations); k++) {
			err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 1,
					       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC,
						       combinations[k]));
			if (err && err != -EDOM)
				return err;
		}
	}
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int allow_needed(scmp_filter_ctx ctx, const struct nd_confine_calls *c)
{
	uint32_t trace = ND_CONFINE_PTRACE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
	int err = add_names(ctx, SCMP_ACT_ALLOW, allowed, ND_COUNT(allowed));

	if (!err)
		err = add_sockets(ctx);
	if (!err)
		err = add_clone(ctx);
	if (!err)
		err = add_memory(ctx, c->writable_code);
	if (!err)
		err = add_names(ctx, SCMP_ACT_ERRNO(EPERM), not_permitted, ND_COUNT(not_permitted));
	if (!err)
		err = add_names(ctx, trace, tracing, ND_COUNT(tracing));
	return err;
}

static int refuse_dangerous(scmp_filter_ctx ctx)
{
	int err = add_names(ctx, SCMP_ACT_ERRNO(EPERM), refused, ND_COUNT(refused));

	if (!err && !ND_CONFINE_PTRACE)
		err = add_names(ctx, SCMP_ACT_ERRNO(EPERM), tracing, ND_COUNT(tracing));
	return err;
}

int nd_confine_calls(const struct nd_confine_calls *c)
{
	uint32_t other = c->exec ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS);
	scmp_filter_ctx ctx = seccomp_init(other);
	int err;

	if (!ctx)
		return -ENOMEM;
	err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1); /* all threads */
	if (!err) /* a binary tree: this runs at each call */
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err) /* before Linux 5.16 a filter slows down loads after stores, against code in a
		     sandbox */
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	if (!err) /* no_new_privs is a step of its own; without it this needs CAP_SYS_ADMIN */
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (!err && c->exec)
		err = refuse_dangerous(ctx);
	else if (!err)
		err = allow_needed(ctx, c);
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}
