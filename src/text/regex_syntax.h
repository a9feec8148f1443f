/* SPDX-License-Identifier: Apache-2.0 */
/* regex_syntax.h - RE2's syntax read as Go's regexp/syntax reads it, written again for PCRE2.
 *
 * What PCRE2 would read in another way never reaches it: every literal is escaped, every class is
 * spelled out, and what RE2 does not have is refused. For regex.c only.
 * Owns: names[] is heap; clear it.
 */
#pragma once

#include <stddef.h>
#include "base/buf.h"
#include "text/regex.h"

struct nd_regex_syntax {
	struct nd_buf pattern;        /* for PCRE2, UTF mode, newline is LF */
	size_t groups;                /* the whole match included */
	char *names[ND_REGEX_GROUPS]; /* by group; NULL: no name */
};

/* 0, or ND_EFORMAT with Go's text in why_buf. Clear it in both cases. */
int nd_regex_syntax_read(struct nd_regex_syntax *s, const char *pattern, char *why_buf,
			 size_t why_cap);
void nd_regex_syntax_clear(struct nd_regex_syntax *s);
