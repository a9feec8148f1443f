/* SPDX-License-Identifier: Apache-2.0 */
/* regex.h - Go's regular expressions (RE2 syntax), matched by PCRE2.
 *
 * A check of the pattern rejects everything that RE2 rejects (look-around, back references,
 * possessive and atomic groups, recursion, \C, ...), so a Corefile means the same as in CoreDNS.
 * A match limit bounds PCRE2's time.
 * Different from Go: at most 31 groups; a compiled pattern above 64 KiB is rejected ("expression
 * too large"); PCRE2's Unicode tables.
 *
 * Owns:    struct nd_regex is heap; nd_regex_free.
 * Errors:  ND_EFORMAT with Go's message, ND_ELIMIT.
 * Threads: any; matching does not change the pattern. Each thread needs its own nd_regex_scratch.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"

struct nd_regex;         /* a compiled pattern */
struct nd_regex_scratch; /* working memory of matches; one per thread */

enum { ND_REGEX_PATTERN_MAX = 10000, ND_REGEX_GROUPS = 32 };

/* 0, or ND_EFORMAT with a message in why_buf, or ND_ELIMIT. */
int nd_regex_new(const char *pattern, struct nd_regex **out, char *why_buf, size_t why_cap);
void nd_regex_free(struct nd_regex *re);
/* True once a pattern was compiled to machine code, which needs memory that is writable and
 * executable. Where that is forbidden, patterns are interpreted, with equal results. */
bool nd_regex_jit_used(void);
/* The number of groups, including group 0, the whole match. */
size_t nd_regex_groups(const struct nd_regex *re);
/* The name of group i, or NULL. */
const char *nd_regex_group_name(const struct nd_regex *re, size_t i);

struct nd_regex_match {
	size_t n; /* groups set, at most ND_REGEX_GROUPS */
	struct {
		size_t start, end; /* start == SIZE_MAX: not part of the match */
	} group[ND_REGEX_GROUPS];
};

struct nd_regex_scratch *nd_regex_scratch_new(void);
/* The scratch at *s, created on first use. NULL when memory is out. */
struct nd_regex_scratch *nd_regex_scratch_get(struct nd_regex_scratch **s);
void nd_regex_scratch_free(struct nd_regex_scratch *s);
/* One in the arena, freed with it, for occasional matches. NULL: out of memory. */
struct nd_regex_scratch *nd_regex_scratch_in(struct nd_arena *a);
/* Go's unanchored, leftmost-first match. False if the match limit is reached. As in Go, each byte
 * that is not UTF-8 counts as U+FFFD; a text above 1 MiB with such a byte does not match. out may
 * be NULL. */
bool nd_regex_match(const struct nd_regex *re, struct nd_regex_scratch *s, const char *text,
		    size_t n, struct nd_regex_match *out);
