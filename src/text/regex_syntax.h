/* SPDX-License-Identifier: Apache-2.0 */
/* regex_syntax.h - parses RE2 syntax as Go's regexp/syntax does and rewrites it for PCRE2.
 *
 * Only for regex.c. Every literal is escaped, every class is written out and everything RE2 does
 * not have is rejected, so PCRE2 cannot read the pattern differently.
 * Owns:    pattern and names[] are heap; nd_regex_syntax_clear.
 * Threads: any.
 */
#pragma once

#include <stddef.h>
#include "base/buf.h"
#include "text/regex.h"

struct nd_regex_syntax {
	struct nd_buf pattern;        /* for PCRE2, UTF mode, newline is LF */
	size_t groups;                /* including group 0, the whole match */
	char *names[ND_REGEX_GROUPS]; /* by group; NULL: unnamed */
};

/* 0, or ND_EFORMAT with Go's message in why_buf. Must be cleared in both cases. */
int nd_regex_syntax_read(struct nd_regex_syntax *s, const char *pattern, char *why_buf,
			 size_t why_cap);
void nd_regex_syntax_clear(struct nd_regex_syntax *s);
