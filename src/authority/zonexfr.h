/* SPDX-License-Identifier: Apache-2.0 */
/* zonexfr.h - a zone's records for plugin transfer, from a snapshot that the transfer holds.
 *
 * Owns:    a reference to the tree, in the cursor, from hold to release.
 * Threads: workers; hold in an RCU read-side section.
 */
#pragma once

#include "core/offer.h"
#include "zone/tree.h"

/* False: t is NULL, there is no such zone. */
bool nd_zonexfr_soa(const struct nd_tree *t, struct nd_offer_soa *out);
bool nd_zonexfr_hold(struct nd_tree *t, struct nd_offer_cursor *at, struct nd_offer_soa *out);
/* Equal serials only, as in CoreDNS. */
bool nd_zonexfr_current(uint32_t theirs, uint32_t ours);
/* Of struct nd_offer_zone; self, q and zone are not used. */
bool nd_zonexfr_walk(const void *self, struct nd_query *q, struct nd_name zone,
		     struct nd_offer_cursor *at, const struct nd_offer_records *to);
void nd_zonexfr_release(struct nd_offer_cursor *at);
