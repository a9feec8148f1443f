/* SPDX-License-Identifier: Apache-2.0 */
/* kmeta.h - what the plugin provides to others: metadata labels, and the search list of a client.
 * Workers. */
#pragma once

#include "core/offer.h"

/* Labels kubernetes/namespace, .../client-pod-name and so on; see nd_offer. */
int nd_kmeta_label(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
		   const char *label, char *out, size_t cap);
/* For autopath: NAMESPACE.svc.ZONE, svc.ZONE, ZONE, the search domains of this server's own
 * resolv.conf, and the root. */
bool nd_kmeta_search(const void *self, const struct nd_query *q, struct nd_offer_search *out);
