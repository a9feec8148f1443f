/* SPDX-License-Identifier: Apache-2.0 */
/* edit.h - options of a resolv.conf put in and taken out, all other bytes left as they are. Text
 * in, text out.
 *
 * Threads: any.
 * Options are words: "single-request", "ndots:2". A name stands for all words that are it, or
 * start with it and a colon.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

enum { ND_EDIT_BYTES = 65536, ND_EDIT_WORD = 64, ND_EDIT_WHY = 320 };

/* Is it an option that resolvers know, with a value that they take? 0, or ND_EFORMAT with a
 * sentence in why. */
int nd_edit_check(const char *option, char why[ND_EDIT_WHY]);
/* Is it a name of one, with or without a value? */
int nd_edit_check_name(const char *option, char why[ND_EDIT_WHY]);

/* The text with the option in effect: as it is, if it is there once already; else those of the
 * same name are out, and it stands at the end of the last `options` line, or on one of its own.
 * 0 or ND_ELIMIT, in out->err too. */
int nd_edit_add(const char *text, const char *option, struct nd_buf *out);
/* Without it. "ndots" takes out all of that name, "ndots:5" only that. */
int nd_edit_remove(const char *text, const char *option, struct nd_buf *out);
/* Calls fn for each option word, in order. */
void nd_edit_each(const char *text, void (*fn)(void *ctx, const char *word, size_t n), void *ctx);
