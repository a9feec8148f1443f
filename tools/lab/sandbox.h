/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h - a process in namespaces of its own, with all that it starts: when it ends, or whoever
 * made it does, in whatever way, the kernel removes the lot.
 *
 * The cage has processes, mounts and a network of its own, and a fresh file system at
 * ND_SANDBOX_FOLDER for files and for the network namespaces that `ip netns` makes. Nothing of it
 * can be seen from outside, so nothing can stay. As root; else through a user namespace.
 *
 * Threads: none may exist but the caller. Messages go to standard error.
 */
#pragma once

enum {
	ND_SANDBOX_REFUSED = 3, /* exit status: the kernel lets no namespaces be made here */
	ND_SANDBOX_SIGNAL = 128 /* and a signal's number: Ctrl-C, kill */
};

/* Where `ip netns` keeps what it names; other things of the host there cannot be seen inside. */
#define ND_SANDBOX_FOLDER "/var/run"

/* Runs inside(arg) in the cage; returns its value, or one of the above. To be called once. */
int nd_sandbox_run(int (*inside)(void *arg), void *arg);
