/* SPDX-License-Identifier: Apache-2.0 */
/* kdedup.h - has this record been written already? A set over the records of the answer at hand.
 *
 * Lives on the stack; used only where the index says that something may stand twice.
 */
#pragma once

#include <stdbool.h>
#include "core/query.h"

enum { ND_KDEDUP_SLOTS = 8192 }; /* a power of two, twice the records that an answer can hold */

struct nd_kdedup {
	bool on; /* off: everything is new */
	uint32_t mask;
	uint16_t slot[ND_KDEDUP_SLOTS]; /* index of the record + 1; 0: free */
};

/* `on` false: nothing is looked at. expect: how many will come, at most. */
void nd_kdedup_init(struct nd_kdedup *s, bool on, size_t expect);

/* What makes two records of a section equal: the first label of owner (additional) or of the SRV
 * target, behind it the cluster in a multicluster zone, and the octets of rdata given. label NULL:
 * rdata alone. */
struct nd_kdedup_key {
	enum nd_section section;
	const uint8_t *label;   /* length and letters */
	const uint8_t *cluster; /* the same, or NULL */
	const uint8_t *bytes;   /* A, AAAA: the address. SRV: the port */
	size_t n;
};

/* Is there such a record? If not, the one written next takes its place: write it. */
bool nd_kdedup_seen(struct nd_kdedup *s, const struct nd_query *q, const struct nd_kdedup_key *key);
