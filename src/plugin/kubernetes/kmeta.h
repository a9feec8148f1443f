/* SPDX-License-Identifier: Apache-2.0 */
/* kmeta.h - what the plugin offers to others: metadata labels, and where a client searches.
 * Workers. */
#pragma once

#include "core/offer.h"

/* kubernetes/namespace, .../client-pod-name and the rest; see nd_offer. */
int nd_kmeta_label(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
		   const char *label, char *out, size_t cap);
/* For autopath: NAMESPACE.svc.ZONE, svc.ZONE, ZONE, what this server's own resolv.conf searches,
 * and the root. */
bool nd_kmeta_search(const void *self, const struct nd_query *q, struct nd_offer_search *out);
