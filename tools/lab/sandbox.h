/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h - runs a function in namespaces of its own; the kernel removes all of it when the
 * function returns or its creator dies.
 *
 * The sandbox has its own processes, mounts and network, and a fresh file system at
 * ND_SANDBOX_FOLDER for files and for the network namespaces that `ip netns` creates. None of it is
 * visible outside, so none of it can be left over. Runs as root, else in a user namespace.
 *
 * Threads: the caller must be the only one. Errors are reported on standard error.
 */
#pragma once

enum {
	ND_SANDBOX_REFUSED = 3, /* exit status: the kernel does not let us create namespaces */
	ND_SANDBOX_SIGNAL = 128 /* plus a signal's number: ended by Ctrl-C or kill */
};

/* Where `ip netns` keeps its names; the host's other files there are hidden in the sandbox. */
#define ND_SANDBOX_FOLDER "/var/run"

/* Runs inside(arg) in the sandbox; returns its result, or one of the above. Call it once. */
int nd_sandbox_run(int (*inside)(void *arg), void *arg);
