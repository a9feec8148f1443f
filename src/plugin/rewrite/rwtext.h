/* SPDX-License-Identifier: Apache-2.0 */
/* rwtext.h - whether a text matches a rule, and the text that replaces it.
 *
 * Threads: workers. q must be at plugin rewrite in its chain; its worker state has the scratch.
 */
#pragma once

#include "core/query.h"
#include "plugin/rewrite/rwrule.h"

/* The worker state of plugin rewrite. */
struct nd_rwtext_worker {
	struct nd_regex_scratch *scratch; /* created on first use */
};

bool nd_rwtext_matches(const struct nd_rwrule_match *m, const struct nd_query *q, const char *text,
		       size_t n);
/* Writes the replaced text. False: no match. */
bool nd_rwtext_apply(const struct nd_rwrule_match *m, const struct nd_query *q, const char *text,
		     size_t n, char out[ND_RWRULE_TEXT_MAX]);
/* The same for a `metadata` rule; also false if a label has no value. */
bool nd_rwtext_apply_labels(const struct nd_rwrule_match *m, struct nd_query *q, const char *text,
			    size_t n, char out[ND_RWRULE_TEXT_MAX]);
