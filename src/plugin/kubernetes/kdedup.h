/* SPDX-License-Identifier: Apache-2.0 */
/* kdedup.h - duplicate elimination: a set of the records in the answer being written.
 *
 * Lives on the stack. Used only if the index says that duplicates are possible.
 */
#pragma once

#include <stdbool.h>
#include "core/query.h"

enum { ND_KDEDUP_SLOTS = 8192 }; /* a power of two, twice the number of records in an answer */

struct nd_kdedup {
	bool on; /* false: nothing is a duplicate */
	uint32_t mask;
	uint16_t slot[ND_KDEDUP_SLOTS]; /* index of the record + 1; 0: empty */
};

/* on: false disables the set. expect: upper limit of records to come. */
void nd_kdedup_init(struct nd_kdedup *s, bool on, size_t expect);

/* Two records of a section are equal if they have the same first label of the owner (additional
 * section) or of the SRV target, the same cluster label after it in a multicluster zone, and the
 * same rdata bytes. label NULL: compare rdata only. */
struct nd_kdedup_key {
	enum nd_section section;
	const uint8_t *label;   /* length and letters */
	const uint8_t *cluster; /* the same, or NULL */
	const uint8_t *bytes;   /* A, AAAA: the address. SRV: the port */
	size_t n;
};

/* Is there an equal record? If not, the caller must write one next: it is now in the set. */
bool nd_kdedup_seen(struct nd_kdedup *s, const struct nd_query *q, const struct nd_kdedup_key *key);
