/* SPDX-License-Identifier: Apache-2.0 */
/* confine.h - gives up privileges after the start: new privileges, capabilities, system calls.
 *
 * Each step is irreversible and applies to threads started later; the system call filter also to
 * running threads. Child processes inherit all of it.
 *
 * Owns:    nothing.
 * Threads: nd_confine_capabilities before any other thread is started (capabilities belong to a
 *          thread); the others on the control thread.
 * Errors:  0, -errno, or ND_ENOTYET in a build without libseccomp.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Bits of capability sets are 1 << CAP_* of <linux/capability.h>. */
#define ND_CONFINE_CAP(cap) ((uint64_t)1 << (cap))

/* prctl(PR_SET_NO_NEW_PRIVS): execve never grants what the process does not have. */
int nd_confine_no_new_privs(void);

/* Keeps the capabilities of `keep` that the process has and drops all others from its permitted,
 * effective, inheritable and ambient sets. With `bounding`, also from the bounding set (that needs
 * CAP_SETPCAP; without it the bounding set stays as it is). kept: what it still has. */
int nd_confine_capabilities(uint64_t keep, bool bounding, uint64_t *kept);

/* Builds with LeakSanitizer, which traces the threads of its own process at exit. */
#if defined(__SANITIZE_ADDRESS__)
#define ND_CONFINE_PTRACE true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ND_CONFINE_PTRACE true
#endif
#endif
#ifndef ND_CONFINE_PTRACE
#define ND_CONFINE_PTRACE false
#endif

struct nd_confine_calls {
	bool exec; /* programs are started (a kubeconfig's `exec`): they inherit the filter, so it
		    * refuses a list of dangerous calls instead of allowing a list of needed ones */
	bool writable_code; /* memory may be writable and executable (PCRE2's compiler needs it) */
};

/* Loads the filter into all threads. A call that is not allowed fails with EPERM, and one unknown
 * to the filter with ENOSYS, so that libraries use their fallbacks. */
int nd_confine_calls(const struct nd_confine_calls *c);
