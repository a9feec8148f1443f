/* SPDX-License-Identifier: Apache-2.0 */
/* kfind.h - looks a name up in the index, by CoreDNS's rules (plugin/kubernetes).
 *
 * Threads: workers, under the RCU read lock. Results must not be used after the unlock.
 */
#pragma once

#include <string.h>
#include "plugin/kubernetes/kconf.h"
#include "plugin/kubernetes/krequest.h"

enum nd_kfind_kind {
	ND_KFIND_NONE,      /* NXDOMAIN */
	ND_KFIND_EMPTY,     /* the name exists without records */
	ND_KFIND_SERVICE,   /* the Service's own addresses */
	ND_KFIND_ENDPOINTS, /* at least one endpoint */
	ND_KFIND_EXTERNAL,  /* an ExternalName */
	ND_KFIND_POD,       /* one address */
	ND_KFIND_NS,        /* ns.dns.ZONE: this server */
};

struct nd_kfind {
	enum nd_kfind_kind kind;
	struct nd_krequest request; /* points into the name */
	const struct nd_kname *name;
	const struct nd_kservice *service;
	const struct nd_kgroup *group; /* NULL: no slices */
	bool multi;                    /* in a multicluster zone */
	struct nd_kip pod;
	size_t npods; /* number of pods with the address; 1 if not verified */
};

/* name: lower case, at or below zone; must outlive *out. */
void nd_kfind_name(const struct nd_kconf *c, struct nd_name name, struct nd_name zone,
		   struct nd_kfind *out);
/* Is it ns.dns.ZONE? name: at or below zone. */
static inline bool nd_kfind_is_ns(struct nd_name name, struct nd_name zone)
{
	return name.labels == zone.labels + 2u && memcmp(name.wire, "\2ns\3dns", 7) == 0;
}

/* The namespace, if it exists and `namespaces` allows it; else NULL. */
const struct nd_kns *nd_kfind_namespace(const struct nd_kconf *c, const void *name, size_t n);
/* Does `namespaces` allow it? True if the property is not given. */
bool nd_kfind_configured(const struct nd_kconf *c, const void *name, size_t n);
bool nd_kfind_port_matches(const struct nd_krequest *r, const struct nd_kport *p,
			   const uint8_t *text);

/* The endpoints of f that match its request, slice by slice. */
struct nd_kfind_iter {
	const struct nd_kfind *find;
	const struct nd_kslice *slice; /* of the last endpoint returned */
	uint32_t next_slice, next_endpoint;
	struct nd_kip want; /* the request's endpoint label, if it is an address */
};

struct nd_kendpoint {
	const uint8_t *ip;
	uint8_t ip_len;
	uint32_t name; /* offset of a label in the slice's text; 0: made of the address */
};

struct nd_kfind_iter nd_kfind_endpoints(const struct nd_kfind *f);
bool nd_kfind_next(struct nd_kfind_iter *it, struct nd_kendpoint *e);
/* Does the request select single endpoints? If not, nd_kfind_next_slice gives whole slices. */
bool nd_kfind_chooses(const struct nd_kfind *f);
bool nd_kfind_next_slice(struct nd_kfind_iter *it);
/* The endpoint at i < n4 + n6. */
struct nd_kendpoint nd_kfind_endpoint(const struct nd_kslice *slice, uint32_t i);
/* The endpoint's label with its length, in the slice or written to buf. */
const uint8_t *nd_kfind_label(const struct nd_kslice *slice, const struct nd_kendpoint *e,
			      uint8_t buf[ND_KOBJECT_LABEL_MAX]);
