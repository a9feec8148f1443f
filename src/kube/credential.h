/* SPDX-License-Identifier: Apache-2.0 */
/* credential.h - who we are, as a kubeconfig's exec program says: run when it is needed, kept until
 * it expires.
 *
 * Owns:    nd_credential is heap; its nd_exec is borrowed and outlives it.
 * Threads: the loop's own. The program runs beside it; nothing waits.
 * Errors:  of the last run, by nd_credential_error(). A run that failed is not repeated for 1 s,
 * then 2, ... 32 s. The program has 60 s, and 1 MiB to say it in.
 */
#pragma once

#include "io/loop.h"
#include "kube/exec.h"

struct nd_credential;

enum nd_credential_state {
	ND_CREDENTIAL_READY,
	ND_CREDENTIAL_RUNNING, /* ask again in a moment */
	ND_CREDENTIAL_FAILED,
};

struct nd_credential *nd_credential_new(struct nd_loop *loop, const struct nd_exec *exec);
void nd_credential_free(struct nd_credential *c); /* kills the program; takes NULL */
/* Runs the program if there is nothing to show, or it has expired. */
enum nd_credential_state nd_credential_prepare(struct nd_credential *c);
/* After READY, until the next ask: what to show, and a number that is another one after each run.
 * NULL: there is nothing. */
const struct nd_exec_answer *nd_credential_get(const struct nd_credential *c, unsigned *number);
/* The server did not take it (401): the next ask runs the program again, but not more than once a
 * second. */
void nd_credential_discard(struct nd_credential *c);
/* Why it FAILED. */
const char *nd_credential_error(const struct nd_credential *c);
