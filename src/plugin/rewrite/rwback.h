/* SPDX-License-Identifier: Apache-2.0 */
/* rwback.h - on the way back: rewrites the answer to match the client's question.
 *
 * Threads: workers.
 */
#pragma once

#include "core/query.h"
#include "plugin/rewrite/rwedns.h"
#include "plugin/rewrite/rwrule.h"

/* A rule that was applied to this query; a list, last applied first. */
struct nd_rwback_step {
	struct nd_rwback_step *next;
	const struct nd_rwrule *rule;
	/* name rules with `answer auto`: the name before and after */
	const char *was, *now;
	struct nd_rwedns_undo undo;
};

/* A copy of an answer, on the heap. */
struct nd_rwback_copy {
	struct nd_answer ans;
	uint8_t *bytes;
};

/* Copies q's answer. 0, or ND_ELIMIT. The caller frees the copy. */
int nd_rwback_take(struct nd_query *q, struct nd_rwback_copy *copy);
void nd_rwback_free(struct nd_rwback_copy *copy);
/* Appends record r of the copy to q's answer, changed by the steps (NULL: unchanged). */
int nd_rwback_put(struct nd_query *q, const struct nd_rwback_copy *copy, const struct nd_record *r,
		  const struct nd_rwback_step *steps);
/* Rewrites q's answer by the steps, and restores the question that the client sent. */
void nd_rwback_revert(struct nd_query *q, const struct nd_query_asked *asked,
		      const struct nd_rwback_step *steps);
