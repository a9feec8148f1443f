/* SPDX-License-Identifier: Apache-2.0 */
/* diag.h - the first error in a configuration, with its place.
 *
 * Owns:    its text; embedded, needs no clear. Starts zeroed.
 * Errors:  every function returns ND_ECONF, for `return nd_diag_at(...)`. A long message is cut
 *          and ends in "...".
 * Threads: one at a time.
 */
#pragma once

#include <stdbool.h>

struct nd_diag {
	bool set;
	char text[1024]; /* "Corefile:3 - plugin/cache: ..." */
};

/* Stores "FILE:LINE - MESSAGE" unless d already has a message. file may be NULL, line 0, d NULL.
 * The message names the token and what is expected. */
int nd_diag_at(struct nd_diag *d, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same with a message in the form of base/invalid.h, after the prefix `where`
 * ("plugin/cache: success: ", or ""). must may be NULL. */
int nd_diag_invalid(struct nd_diag *d, const char *file, int line, const char *where,
		    const char *what, const char *value, const char *must);
