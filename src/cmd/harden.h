/* SPDX-License-Identifier: Apache-2.0 */
/* harden.h - what a server process gives up, as its flags say. io/confine.h does it.
 *
 * Order:   nd_harden_start before any thread; nd_harden_finish once, when the first configuration
 *          serves, since that decides what the system call filter must allow.
 * Errors:  a refusal of the kernel is logged as a warning, and the process continues without.
 * Threads: control.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct nd_process;

struct nd_harden_options {
	bool no_new_privs, drop_capabilities, seccomp;
};

struct nd_harden {
	struct nd_harden_options on; /* asked for, and not refused */
	uint64_t capabilities;       /* kept, if on.drop_capabilities */
};

void nd_harden_start(struct nd_harden *h, const struct nd_harden_options *o);
/* quiet: without the log line that reports what is in force. */
void nd_harden_finish(struct nd_harden *h, struct nd_process *p, bool quiet);
