/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - the error codes, and assertions.
 *
 * A function that can fail returns 0 or a negative code: -errno, or one of the
 * codes below, which are outside the kernel's range. On failure, outputs are
 * unchanged.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

enum nd_err {
	ND_OK = 0,
	ND_ETRUNC = -4097,  /* the input ends too early */
	ND_EFORMAT = -4098, /* the input violates its grammar */
	ND_ELIMIT = -4099,  /* a fixed maximum is reached */
	ND_ECONF = -4100,   /* a configuration error; struct nd_diag has the message */
	ND_ENOTYET = -4101, /* known, but not supported in this build */
	ND_ECLOSED = -4102, /* closed by the peer or by its owner */
	ND_ETIME = -4103,   /* timed out */
	ND_ETLS = -4104,    /* TLS failed; a separate text has the reason */
	ND_ENOTREG = -4105, /* a FIFO, device or socket where a regular file must be */
};

/* The code's meaning in English; never NULL. Static storage. */
const char *nd_err_text(int err);

/* For programming errors only, never for input from outside. Always enabled: it is
 * cheap, and a wrong answer costs more than a restart. */
#define ND_ASSERT(cond)                                                                      \
	do {                                                                                 \
		if (__builtin_expect(!(cond), 0)) {                                          \
			fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, \
				#cond);                                                      \
			abort();                                                             \
		}                                                                            \
	} while (0)

#define ND_COUNT(array) (sizeof(array) / sizeof(*(array)))
#define ND_LIKELY(x) __builtin_expect(!!(x), 1)
#define ND_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ND_CONTAINER(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
