/* SPDX-License-Identifier: Apache-2.0 */
/* rwtext.h - which texts a rule means, and what they become. Workers. */
#pragma once

#include "core/query.h"
#include "plugin/rewrite/rwrule.h"

bool nd_rwtext_matches(const struct nd_rwrule_match *m, const char *text, size_t n);
/* Writes what the text becomes. False: it does not match. */
bool nd_rwtext_apply(const struct nd_rwrule_match *m, const char *text, size_t n,
		     char out[ND_RWRULE_TEXT_MAX]);
/* The same by a `metadata` rule; false also where a label has no value. */
bool nd_rwtext_apply_labels(const struct nd_rwrule_match *m, struct nd_query *q, const char *text,
			    size_t n, char out[ND_RWRULE_TEXT_MAX]);
/* On the thread that matched, when it ends. */
void nd_rwtext_thread_end(void);
