/* SPDX-License-Identifier: Apache-2.0 */
/* rwedns.h - `rewrite edns0`: adds options to the OPT of a query, and removes them.
 *
 * Threads: nd_rwedns_read the control thread, the others workers.
 */
#pragma once

#include <stdbool.h>
#include "core/query.h"
#include "plugin/rewrite/rwrule.h"

/* The change that `revert` undoes on the way back. */
struct nd_rwedns_undo {
	bool on;
	const uint8_t *old; /* the data of the option before; NULL: there was no option */
	size_t old_len;
};

/* Reads the n words w after "edns0". 0, or ND_ECONF. */
int nd_rwedns_read(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n);
/* Changes the OPT of the query, or creates one. True: the rule was applied. */
bool nd_rwedns_apply(const struct nd_rwedns_rule *r, struct nd_query *q,
		     struct nd_rwedns_undo *undo);
/* Removes the rule's option from the answer's OPT, or restores the old one. */
void nd_rwedns_undo(const struct nd_rwedns_rule *r, const struct nd_rwedns_undo *undo,
		    struct nd_query *q);
