/* SPDX-License-Identifier: Apache-2.0 */
/* program.h - the programs that the lab is made with: ip, nft, iptables-restore, servers.
 *
 * Owns:    nothing; a pid belongs to who started it.
 * Errors:  0 or negative; a sentence that names program, place and cause is on standard error.
 * Threads: one. To be used inside the cage.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include "base/buf.h"

enum { ND_PROGRAM_WORDS = 32, ND_PROGRAM_BYTES = 1 << 24 };

struct nd_program {
	const char *place; /* network namespace, by its name; NULL: the cage's own */
	const char *input; /* standard input; NULL: empty */
	const char *env;   /* one more NAME=VALUE; NULL: none */
	const char *log;   /* file that takes what it says; NULL: kept for out or for a message */
	const char *argv[ND_PROGRAM_WORDS];
};

/* Print each command on standard error, as a shell would take it. */
void nd_program_show(bool on);
/* Looks for all programs that the lab needs; 0, or -ENOENT after a line a missing one that names
 * its Debian package. */
int nd_program_check(void);

/* Runs it to its end. What it said on standard output goes to out (NULL: nowhere). An exit status
 * other than 0 is -EIO, told with what it said; by nd_program_try() not told. */
int nd_program_run(const struct nd_program *p, struct nd_buf *out);
int nd_program_try(const struct nd_program *p, struct nd_buf *out);

/* Starts one that serves. */
int nd_program_start(const struct nd_program *p, pid_t *pid);
/* Has it ended by itself? Then *pid is 0. */
bool nd_program_exited(pid_t *pid);
/* Ends it and waits; nothing for 0. */
void nd_program_kill(pid_t *pid);
