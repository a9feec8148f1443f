/* SPDX-License-Identifier: Apache-2.0 */
/* program.h - runs the programs that build the lab: ip, nft, iptables-restore, servers.
 *
 * Owns:    nothing; a pid belongs to the caller that started it.
 * Errors:  0 or negative, after a message on standard error that names program, place and cause.
 * Threads: one. In the sandbox.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include "base/buf.h"

enum { ND_PROGRAM_WORDS = 32, ND_PROGRAM_BYTES = 1 << 24 };

struct nd_program {
	const char *place; /* network namespace, by name; NULL: the sandbox's own */
	const char *input; /* standard input; NULL: empty */
	const char *env;   /* one additional NAME=VALUE; NULL: none */
	const char *log;   /* file for its output; NULL: captured, for `out` or an error message */
	const char *argv[ND_PROGRAM_WORDS];
};

/* Prints each command on standard error, in shell syntax. */
void nd_program_show(bool on);
/* Checks that all required programs are installed: 0, or -ENOENT after a line for each missing one
 * that names its Debian package. */
int nd_program_check(void);

/* Runs it to completion; out gets its standard output (NULL: dropped). A nonzero exit status is
 * -EIO, reported with its output; nd_program_try() does not report it. */
int nd_program_run(const struct nd_program *p, struct nd_buf *out);
int nd_program_try(const struct nd_program *p, struct nd_buf *out);

/* Starts a server. */
int nd_program_start(const struct nd_program *p, pid_t *pid);
/* Whether it has exited by itself; sets *pid to 0 then. */
bool nd_program_exited(pid_t *pid);
/* Kills it and waits; does nothing if *pid is 0. */
void nd_program_kill(pid_t *pid);
