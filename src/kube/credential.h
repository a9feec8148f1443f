/* SPDX-License-Identifier: Apache-2.0 */
/* credential.h - credentials from a kubeconfig's exec program: it is run when they are needed, and
 * they are kept until they expire.
 *
 * The program may run for 60 s and print 1 MiB. After a failure it is not run again for 1 s, then
 * 2 s, up to 32 s.
 *
 * Owns:    nd_credential is heap; its nd_exec is borrowed and outlives it.
 * Errors:  nd_credential_error() has that of the last run.
 * Threads: the loop's own. The program is a child process; nothing blocks.
 */
#pragma once

#include "io/loop.h"
#include "kube/exec.h"

struct nd_credential;

enum nd_credential_state {
	ND_CREDENTIAL_READY,
	ND_CREDENTIAL_RUNNING, /* call nd_credential_prepare() again in a moment */
	ND_CREDENTIAL_FAILED,
};

struct nd_credential *nd_credential_new(struct nd_loop *loop, const struct nd_exec *exec);
void nd_credential_free(struct nd_credential *c); /* kills the program; takes NULL */
/* Starts the program if there is no credential, or it has expired. */
enum nd_credential_state nd_credential_prepare(struct nd_credential *c);
/* The credential, valid until the next nd_credential_prepare(); NULL: none. *number changes with
 * each run. */
const struct nd_exec_answer *nd_credential_get(const struct nd_credential *c, unsigned *number);
/* After a 401: the next nd_credential_prepare() runs the program again, at most once a second. */
void nd_credential_discard(struct nd_credential *c);
/* The reason for ND_CREDENTIAL_FAILED. */
const char *nd_credential_error(const struct nd_credential *c);
