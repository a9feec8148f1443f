/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - a program that is run for what it prints. A door.
 *
 * Owns:    nd_child is heap and frees itself after on_end; what a request points to is copied or
 * used up by nd_child_start(). Standard input is /dev/null. Beside it only standard output and
 * error are handed on. Threads: the loop's own. Nothing waits for the program. Errors:  in the
 * result: -errno (it could not be started), ND_ELIMIT (it printed too much), ND_ETIME. A program
 * that is stopped is killed with all of its process group.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "io/loop.h"

struct nd_child;

struct nd_child_request {
	const char *const *argv; /* argv[0] without a slash is looked for in PATH */
	const char *const *env;  /* all of it; NULL: ours */
	size_t out_max;          /* bytes of standard output; more is ND_ELIMIT */
	uint64_t limit_ns;
};

enum {
	ND_CHILD_ERRORS_MAX = 4096
}; /* of standard error, its beginning; the rest is read and dropped */

struct nd_child_result {
	int err;         /* 0: it has ended by itself */
	int code;        /* its exit status, when err and signal are 0 */
	int signal;      /* that ended it; 0: none did */
	const char *out; /* borrowed until on_end returns, NUL behind them */
	size_t nout;
	const char *errors;
};

/* 0, and on_end comes once; or -errno (there is no such program, ...), and nothing comes. Not from
 * inside. */
int nd_child_start(struct nd_loop *loop, const struct nd_child_request *request,
		   void (*on_end)(void *ctx, const struct nd_child_result *result), void *ctx,
		   struct nd_child **out);
/* Kills it; on_end does not come. Takes NULL; not from inside on_end. */
void nd_child_free(struct nd_child *c);
