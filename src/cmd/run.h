/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - a server process: CoreDNS's flags, banner, pid file, signals, shutdown.
 *
 * Order:   nd_run_init, nd_run_open, loading a configuration, nd_run_announce, nd_run_loop,
 *          nd_run_clear.
 * Errors:  false after a message on standard error.
 * Threads: control.
 */
#pragma once

#include <stdbool.h>
#include "cmd/flags.h"
#include "cmd/harden.h"
#include "io/loop.h"
#include "server/server.h"

struct nd_run_options {
	const char *conf, *port, *pidfile, *udp_max, *memory_limit, *cache_file, *log_format;
	bool plugins, quiet, version;
	bool coredns; /* called as coredns: prints what CoreDNS prints, and no lines of our own */
	struct nd_harden_options harden;
};

#define ND_RUN_DEFAULTS                                                                       \
	{                                                                                     \
		.harden = {.no_new_privs = true, .drop_capabilities = true, .seccomp = true } \
	}

/* Rows of a flag table; base: the offset of the nd_run_options in the options. */
#define ND_RUN_FLAG(flag, kind, base, member, help)                                \
	{                                                                          \
		flag, kind, (base) + offsetof(struct nd_run_options, member), help \
	}
#define ND_RUN_FLAGS(base)                                                                       \
	ND_RUN_FLAG("dns.port", ND_FLAG_TEXT, base, port, "default port (53)"),                  \
		ND_RUN_FLAG("p", ND_FLAG_TEXT, base, port, "default port (53)"),                 \
		ND_RUN_FLAG("pidfile", ND_FLAG_TEXT, base, pidfile,                              \
			    "file that the process ID is written to once it serves"),            \
		ND_RUN_FLAG("max-udp-size", ND_FLAG_TEXT, base, udp_max,                         \
			    "bytes of a UDP answer, 1232 to 4096, however many the client "      \
			    "accepts (no limit)"),                                               \
		ND_RUN_FLAG("memory-limit", ND_FLAG_TEXT, base, memory_limit,                    \
			    "memory that the process may use, like 170Mi (the cgroup's limit)"), \
		ND_RUN_FLAG("cache-file", ND_FLAG_TEXT, base, cache_file,                        \
			    "file that cached answers are kept in for the next start (none)"),   \
		ND_RUN_FLAG("log-format", ND_FLAG_TEXT, base, log_format,                        \
			    "form of the log's lines: text"),                                    \
		ND_RUN_FLAG("no-new-privs", ND_FLAG_SWITCH, base, harden.no_new_privs,           \
			    "never gain privileges by running a program (true)"),                \
		ND_RUN_FLAG("drop-capabilities", ND_FLAG_SWITCH, base, harden.drop_capabilities, \
			    "keep only the capabilities that are used (true)"),                  \
		ND_RUN_FLAG("seccomp", ND_FLAG_SWITCH, base, harden.seccomp,                     \
			    "allow only the system calls that are used, once it serves (true)"), \
		ND_RUN_FLAG("plugins", ND_FLAG_SWITCH, base, plugins, "list installed plugins"), \
		ND_RUN_FLAG("quiet", ND_FLAG_SWITCH, base, quiet, "print no banner at start"),   \
		ND_RUN_FLAG("version", ND_FLAG_SWITCH, base, version, "show version")

struct nd_run {
	const struct nd_run_options *options;
	struct nd_loop *loop;
	struct nd_server *server;
	struct nd_signal *signals[4];
	struct nd_harden harden;
	int status; /* exit status */
	bool interrupted;
	/* Hooks, which may be NULL. Set between init and open. */
	void *ctx;
	void (*stop)(void *ctx, int status); /* instead of nd_server_stop() */
	void (*teardown)(void *ctx); /* all sockets are closed, or the process exits at once */
};

/* -version, -plugins: prints the information; true if one was given. */
bool nd_run_print_info(const struct nd_run_options *o);
/* False after a message: a log format other than text. */
bool nd_run_check_format(const struct nd_run_options *o);
/* Sets limits, drops capabilities and creates the loop. The first call of a command: before any
 * thread. */
bool nd_run_init(struct nd_run *r, const struct nd_run_options *o);
/* Creates the server, with nothing loaded, and catches signals. Sets so's port, version and end. */
bool nd_run_open(struct nd_run *r, struct nd_server_options *so);
/* Call it when the server serves: loads the system call filter, prints the banner, writes the pid
 * file. */
void nd_run_announce(struct nd_run *r);
/* Runs until the server has stopped: the exit status. */
int nd_run_loop(struct nd_run *r);
void nd_run_clear(struct nd_run *r); /* takes a half-built one */
