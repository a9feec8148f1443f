/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - one space of error codes, and the check for our own mistakes.
 *
 * A function that can fail returns 0 or a negative code: -errno of the system,
 * or one of ours, which start below the kernel's range. Outputs stay untouched
 * on failure.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

enum nd_err {
	ND_OK = 0,
	ND_ETRUNC = -4097,  /* the bytes end before the thing does */
	ND_EFORMAT = -4098, /* the bytes or the text break their grammar */
	ND_ELIMIT = -4099,  /* a maximum that was set at birth is reached */
	ND_ECONF = -4100,   /* a configuration mistake; struct nd_diag says which */
	ND_ENOTYET = -4101, /* known, but not in this build */
	ND_ECLOSED = -4102, /* the peer or the owner has closed it */
	ND_ETIME = -4103,   /* the time set for it is over */
	ND_ETLS = -4104,    /* no TLS with that peer; a text beside it says why */
};

/* What the code means, in English; never NULL. Static storage. */
const char *nd_err_text(int err);

/* Our own mistakes only, never for bytes from a socket. Always on: cheap, and a
 * wrong answer costs more than a restart. */
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
