/* SPDX-License-Identifier: Apache-2.0 */
/* krequest.h - what a name asks for, by its labels before the zone. Pure.
 *
 *   SERVICE.NS.svc   _PORT._PROTOCOL.SERVICE.NS.svc   ENDPOINT.SERVICE.NS.svc   ADDRESS.NS.pod
 *   ENDPOINT.CLUSTER.SERVICE.NS.svc (multicluster)    TOPOZONE.pin|prefer._zone.SERVICE.NS.svc
 * (zonal)
 */
#pragma once

#include <stdbool.h>
#include "wire/name.h"

struct nd_klabel {
	const uint8_t *at; /* letters, lower case, in the name */
	uint8_t n;         /* 0: not given */
};

struct nd_krequest {
	bool top;    /* the zone, svc or pod alone: exists, holds nothing */
	bool pod;    /* below pod, else below svc */
	bool prefer; /* zonal: all endpoints if the topology zone holds none */
	struct nd_klabel namespace, service, endpoint, cluster, port, protocol;
	/* Topology zone: its labels as they stand in the name, from a length octet on. 0: none. */
	const uint8_t *zone;
	uint8_t zone_labels;
};

/* name: lower case, at or below zone. False: such a name cannot exist. */
bool nd_krequest_parse(struct nd_name name, struct nd_name zone, bool multicluster, bool zonal,
		       struct nd_krequest *out);
/* Is the topology zone of the request this text (lower case; may hold dots)? */
bool nd_krequest_zone_is(const struct nd_krequest *r, const uint8_t *text, size_t n);
/* Letters folded; a is lower case. */
bool nd_krequest_label_is(struct nd_klabel a, const uint8_t *text, size_t n);
