/* SPDX-License-Identifier: Apache-2.0 */
/* k8s_external.h - the configuration of one instance of the plugin. Lives with the generation. */
#pragma once

#include "core/offer.h"
#include "core/setup.h"

struct nd_external {
	struct nd_name *zones;
	size_t nzones;
	struct nd_fallthrough fall;
	struct nd_name_buf apex_buf;
	struct nd_name
		apex; /* the label (or labels) below each zone that the server names are under */
	uint32_t ttl;
	bool headless;
	const struct nd_offer_external *from; /* of kubernetes */
	const void *from_self;
};

static inline const struct nd_name *nd_external_zone(const struct nd_external *e,
						     struct nd_name lower)
{
	return nd_setup_zone_match(e->zones, e->nzones, lower);
}
