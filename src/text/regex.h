/* SPDX-License-Identifier: Apache-2.0 */
/* regex.h - Go's regular expressions (RE2 syntax) on PCRE2.
 *
 * What RE2 refuses (look-around, back references, possessive and atomic groups, recursion, \C, ...)
 * is refused here by a check of the pattern, so that a Corefile means the same in both; a match
 * limit bounds the time PCRE2 may take. Known differences: at most 31 groups; a compiled pattern of
 * more than 64 KiB is refused ("expression too large"); what PCRE2's Unicode tables do not know.
 * Owns: nd_regex is heap; free it. Threads: matching is const and may run on many threads; each
 * needs its own nd_regex_scratch.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"

struct nd_regex;         /* a compiled pattern */
struct nd_regex_scratch; /* for matching, one per thread */

enum { ND_REGEX_PATTERN_MAX = 10000, ND_REGEX_GROUPS = 32 };

/* 0, or ND_EFORMAT with *why set to a text in `why_buf`. */
int nd_regex_new(const char *pattern, struct nd_regex **out, char *why_buf, size_t why_cap);
void nd_regex_free(struct nd_regex *re);
/* Groups of the pattern, the whole match (0) included. */
size_t nd_regex_groups(const struct nd_regex *re);
/* Name of group i, or NULL. */
const char *nd_regex_group_name(const struct nd_regex *re, size_t i);

struct nd_regex_match {
	size_t n; /* groups set, at most ND_REGEX_GROUPS */
	struct {
		size_t start, end; /* start == SIZE_MAX: took no part */
	} group[ND_REGEX_GROUPS];
};

struct nd_regex_scratch *nd_regex_scratch_new(void);
/* The scratch at *s, created on first use. NULL when memory is out. */
struct nd_regex_scratch *nd_regex_scratch_get(struct nd_regex_scratch **s);
void nd_regex_scratch_free(struct nd_regex_scratch *s);
/* One that lives in the arena and is never freed by itself, for who matches now and then; or NULL. */
struct nd_regex_scratch *nd_regex_scratch_in(struct nd_arena *a);
/* Go's unanchored, leftmost-first match. A match that hits the limit counts as none. A byte that is
 * no UTF-8 counts as one U+FFFD, as in Go; a text with such a byte and of more than 1 MiB matches
 * nothing. out may be NULL. */
bool nd_regex_match(const struct nd_regex *re, struct nd_regex_scratch *s, const char *text,
		    size_t n, struct nd_regex_match *out);
