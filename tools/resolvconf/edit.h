/* SPDX-License-Identifier: Apache-2.0 */
/* edit.h - adds and removes options in the text of a resolv.conf; all other bytes are kept. Pure.
 *
 * Threads: any.
 * An option is a word: "single-request", "ndots:2". A name matches the word itself and words that
 * start with it and a colon.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

enum { ND_EDIT_BYTES = 65536, ND_EDIT_WORD = 64, ND_EDIT_WHY = 320 };

/* Whether it is an option that resolvers know, with a valid value: 0, or ND_EFORMAT with a message
 * in why. */
int nd_edit_check(const char *option, char why[ND_EDIT_WHY]);
/* The same for the name only; any value is accepted. */
int nd_edit_check_name(const char *option, char why[ND_EDIT_WHY]);

/* Appends the text with the option in effect: unchanged if the option occurs exactly once; else
 * without all options of the same name, and with it at the end of the last `options` line, or on a
 * line of its own. 0 or ND_ELIMIT, in out->err too. */
int nd_edit_add(const char *text, const char *option, struct nd_buf *out);
/* The same without the option. "ndots" removes all of that name, "ndots:5" only that one. */
int nd_edit_remove(const char *text, const char *option, struct nd_buf *out);
/* Calls fn for each option word, in order. */
void nd_edit_each(const char *text, void (*fn)(void *ctx, const char *word, size_t n), void *ctx);
