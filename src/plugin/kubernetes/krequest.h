/* SPDX-License-Identifier: Apache-2.0 */
/* krequest.h - parses a query name, by its labels before the zone. Pure.
 *
 *   SERVICE.NS.svc
 *   _PORT._PROTOCOL.SERVICE.NS.svc
 *   ENDPOINT.SERVICE.NS.svc
 *   ENDPOINT.CLUSTER.SERVICE.NS.svc         (multicluster)
 *   TOPOZONE.pin|prefer._zone.SERVICE.NS.svc (zonal)
 *   ADDRESS.NS.pod
 */
#pragma once

#include <stdbool.h>
#include "wire/name.h"

struct nd_klabel {
	const uint8_t *at; /* lower case, in the name */
	uint8_t n;         /* 0: not given */
};

struct nd_krequest {
	bool top;    /* the zone itself, svc or pod: exists without records */
	bool pod;    /* below pod; else below svc */
	bool prefer; /* zonal: all endpoints if the topology zone has none */
	struct nd_klabel namespace, service, endpoint, cluster, port, protocol;
	/* Topology zone: its labels in the name, in wire form without the root. zone_labels 0:
	 * none. */
	const uint8_t *zone;
	uint8_t zone_labels;
};

/* name: lower case, at or below zone. False: such a name cannot exist. */
bool nd_krequest_parse(struct nd_name name, struct nd_name zone, bool multicluster, bool zonal,
		       struct nd_krequest *out);
/* Is this text (lower case, may contain dots) the topology zone of the request? */
bool nd_krequest_zone_is(const struct nd_krequest *r, const uint8_t *text, size_t n);
/* Compares without case; a is lower case. */
bool nd_krequest_label_is(struct nd_klabel a, const uint8_t *text, size_t n);
