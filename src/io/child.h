/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - runs a program and collects its output. A door.
 *
 * Owns:    nd_child is heap and frees itself after on_end. nd_child_start() copies or uses up what
 *          the request points to.
 * Threads: the loop's own; the loop does not block on the program.
 * Errors:  in the result: -errno (it could not be started), ND_ELIMIT (too much output), ND_ETIME.
 *          The program is then killed with its whole process group.
 * Inherits: standard input is /dev/null; no descriptors but standard output and error.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "io/loop.h"

struct nd_child;

struct nd_child_request {
	const char *const *argv; /* argv[0] without a slash is searched in PATH */
	const char *const *env;  /* the whole environment; NULL: ours */
	size_t out_max;          /* bytes of standard output; more is ND_ELIMIT */
	uint64_t limit_ns;
};

/* Bytes of standard error that are kept, from its start; the rest is read and dropped. */
enum { ND_CHILD_ERRORS_MAX = 4096 };

struct nd_child_result {
	int err;         /* 0: the program ended by itself */
	int code;        /* exit status, if err and signal are 0 */
	int signal;      /* the signal that ended it; 0: none */
	const char *out; /* NUL-terminated; borrowed until on_end returns */
	size_t nout;
	const char *errors;
};

/* 0: on_end is called once, later. -errno (no such program, ...): on_end is not called. */
int nd_child_start(struct nd_loop *loop, const struct nd_child_request *request,
		   void (*on_end)(void *ctx, const struct nd_child_result *result), void *ctx,
		   struct nd_child **out);
/* Kills the program; on_end is not called. NULL is fine. Not from on_end. */
void nd_child_free(struct nd_child *c);
