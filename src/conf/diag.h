/* SPDX-License-Identifier: Apache-2.0 */
/* diag.h - what is wrong with a configuration, and where: the first mistake found wins.
 *
 * Owns:    its text. On the caller's stack; clearable by forgetting it.
 */
#pragma once

#include <stdbool.h>

struct nd_diag {
	bool set;
	char text[1024]; /* "Corefile:3 - plugin/cache: ..." */
};

/* Keeps the first message, returns ND_ECONF for `return nd_diag_at(...)`. file may be NULL.
 * The form is "FILE:LINE - MESSAGE"; messages name the token and what would be right. */
int nd_diag_at(struct nd_diag *d, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same with base/invalid.h's form, after `where` ("plugin/cache: success: "; "" for nothing).
 * must may be NULL. */
int nd_diag_invalid(struct nd_diag *d, const char *file, int line, const char *where,
		    const char *what, const char *value, const char *must);
