/* SPDX-License-Identifier: Apache-2.0 */
/* rwedns.h - `rewrite edns0`: options put into the question's OPT and taken out of it. */
#pragma once

#include <stdbool.h>
#include "core/query.h"
#include "plugin/rewrite/rwrule.h"

/* What is undone on the way back by a rule with `revert`. */
struct nd_rwedns_undo {
	bool on;
	const uint8_t *old; /* the option as it was; NULL: there was none */
	size_t old_len;
};

int nd_rwedns_read(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n);
/* Changes the OPT of the question, and makes one where there is none. True: the rule was applied. */
bool nd_rwedns_apply(const struct nd_rwedns_rule *r, struct nd_query *q,
		     struct nd_rwedns_undo *undo);
/* Takes the rule's option out of the answer's OPT, or puts the old one there. */
void nd_rwedns_undo(const struct nd_rwedns_rule *r, const struct nd_rwedns_undo *undo,
		    struct nd_query *q);
