/* SPDX-License-Identifier: Apache-2.0 */
/* rwback.h - the way back: the answer is written anew under the client's own question. */
#pragma once

#include "core/query.h"
#include "plugin/rewrite/rwedns.h"
#include "plugin/rewrite/rwrule.h"

/* A rule that was applied to this question; the last one first. */
struct nd_rwback_step {
	struct nd_rwback_step *next;
	const struct nd_rwrule *rule;
	/* name rules with `answer auto`: what the name was, and what it became */
	const char *was, *now;
	struct nd_rwedns_undo undo;
};

/* An answer put aside. */
struct nd_rwback_copy {
	struct nd_answer ans;
	uint8_t *bytes;
};

int nd_rwback_take(struct nd_query *q, struct nd_rwback_copy *copy);
void nd_rwback_free(struct nd_rwback_copy *copy);
/* Record r of the copy behind what q's answer has, through the steps (NULL: as it is). */
int nd_rwback_put(struct nd_query *q, const struct nd_rwback_copy *copy, const struct nd_record *r,
		  const struct nd_rwback_step *steps);
/* The whole of q's answer, put back under the question asked. */
void nd_rwback_revert(struct nd_query *q, const struct nd_query_asked *asked,
		      const struct nd_rwback_step *steps);
