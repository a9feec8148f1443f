/* SPDX-License-Identifier: Apache-2.0 */
/* kindex.h - the cluster's objects by name and by address, laid out for answering queries.
 *
 * Names are stored as the objects spell them. Queries are in lower case, so an object with capital
 * letters in its name is not found (as in CoreDNS). Objects whose names are not DNS labels are not
 * stored.
 *
 * Owns:    all of its contents. A process object: it outlives a reload. ksink.h creates and fills
 * it. Threads: the control thread writes (ksink.h). The functions here may be called by any thread
 *          under the RCU read lock; what they return is valid until the unlock. Fields marked
 *          "published" are read with nd_rcu_get(), "control" by the control thread only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "base/rcu.h"
#include "kube/objects.h"
#include "plugin/kubernetes/kcount.h"
#include "plugin/kubernetes/kmemory.h"
#include "plugin/kubernetes/kobject.h"
#include "plugin/kubernetes/kreverse.h"
#include "plugin/kubernetes/ktable.h"

/* KEP-1645: Services and their slices (SERVICE.NS.svc in the cluster's zones); ServiceImports and
 * theirs (the multicluster zones). */
enum nd_kscope { ND_KSCOPE_CLUSTER, ND_KSCOPE_CLUSTERSET, ND_KSCOPES };

struct nd_kns {
	struct nd_knode node;
	_Atomic bool exists; /* published: the Namespace object exists and is selected */
	uint32_t refs;       /* names, slices and pods in it */
	char text[];
};

/* The slices of one name. Replaced as a whole, except for slices set to NULL. */
struct nd_kgroup {
	uint32_t n;
	_Atomic uint32_t ready; /* published: slices with a ready endpoint */
	_Atomic bool repeats;   /* published: an address, a name or a port may occur twice: answers
				   need duplicate elimination */
	bool unchecked;         /* control: `repeats` is to be checked at the end of the list */
	uint32_t same_ports;    /* control: slices in which a port number occurs twice */
	uint64_t endpoints;     /* control: in all slices */
	const struct nd_kslice *_Atomic slice[]; /* published; may be NULL */
};

/* NAME.NAMESPACE: a Service, or the slices that name one, or both. */
struct nd_kname {
	struct nd_knode node;
	struct nd_kns *ns;
	struct nd_kservice *_Atomic service; /* published; NULL: none */
	struct nd_kgroup *_Atomic group;     /* published; NULL: no slices */
	struct nd_list sets;                 /* control: of nd_kset */
	uint32_t id;                         /* control: in service_ips; 0: none */
	uint8_t mark;                        /* control: epoch of the last list with the Service */
	char text[];
};

/* An EndpointSlice object. */
struct nd_kset {
	struct nd_knode node;
	struct nd_kname *of;
	struct nd_kslice *_Atomic now; /* published */
	struct nd_list link;
	uint32_t id; /* in endpoint_ips */
	char text[];
};

/* The effect of one object on the index. */
struct nd_kupdate {
	bool added, changed;
	struct nd_kskips skips;
};

struct nd_kindex_config {
	bool pod_names, zones;        /* see nd_kobject_slice */
	bool pod_labels;              /* keep pod labels */
	bool outside;                 /* keep external addresses and hosts of Services */
	bool wanted[ND_OBJECT_KINDS]; /* kinds that must be listed before the index is complete */
	size_t max_bytes;
	struct nd_siphash_key key;
	uint64_t (*wall_ns)(void); /* for the serials */
};

struct nd_kindex {
	struct nd_sink sink;
	struct nd_kindex_config config;
	struct nd_kmemory memory;
	struct nd_ktable namespaces, pods;
	struct {
		struct nd_ktable names, sets;
	} scope[ND_KSCOPES];
	struct nd_kreverse service_ips, endpoint_ips, pod_ips;
	bool listing[ND_OBJECT_KINDS];  /* a list has begun and not ended */
	uint8_t epoch[ND_OBJECT_KINDS]; /* of the last list begun, 1 to 255; 0: none yet */
	uint64_t changes;               /* control: number of changes */
	/* Published. */
	_Atomic uint32_t listed; /* bit mask of the kinds that were listed completely */
	_Atomic uint32_t modified[ND_KSCOPES]; /* Unix time of the last change; 0: none */
	_Atomic uint32_t modified_outside;     /* the same for external addresses of Services */
	struct nd_kcount count;
};

/* Has every wanted kind been listed completely? */
bool nd_kindex_complete(const struct nd_kindex *ix);
/* NULL: there is no such Namespace. */
const struct nd_kns *nd_kindex_namespace(const struct nd_kindex *ix, const void *name, size_t n);
/* labels: NAME and NAMESPACE as two labels in wire form. The name is found even if its Namespace
 * does not exist: see nd_kindex_exists. */
const struct nd_kname *nd_kindex_name(const struct nd_kindex *ix, enum nd_kscope scope,
				      const uint8_t *labels);
/* The same for the writing side, which may change the name. Control thread. */
struct nd_kname *nd_kindex_own_name(struct nd_kindex *ix, enum nd_kscope scope,
				    const uint8_t *labels);
uint32_t nd_kindex_name_hash(const struct nd_kindex *ix, const uint8_t *labels);

/* Does the name's Namespace exist? */
static inline bool nd_kindex_exists(const struct nd_kname *name)
{
	return nd_rcu_get(name->ns->exists);
}

/* Candidates for an address: nd_kname for a Service address, nd_kset for an endpoint address. Check
 * each with nd_kindex_service_has or nd_kobject_slice_has. */
struct nd_kreverse_iter nd_kindex_by_service_ip(const struct nd_kindex *ix, const uint8_t *ip,
						size_t n);
struct nd_kreverse_iter nd_kindex_by_endpoint_ip(const struct nd_kindex *ix, const uint8_t *ip,
						 size_t n);
bool nd_kindex_service_has(const struct nd_kservice *s, const uint8_t *ip, size_t n);

/* The table with the objects of a kind; for Services and ServiceImports, the table of names. */
const struct nd_ktable *nd_kindex_table(const struct nd_kindex *ix, enum nd_object_kind kind,
					enum nd_kscope scope);
