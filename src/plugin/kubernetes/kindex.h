/* SPDX-License-Identifier: Apache-2.0 */
/* kindex.h - the cluster's names, built for answering. Filled through a sink (a file, later the
 * API), read by the workers without a lock.
 *
 * Keys are as the objects write them; a question is lower case, so that an object with capitals in
 * its name is not found (as in CoreDNS). Objects whose names are no label are left out.
 *
 * Owns:    everything in it; a process object, outlives a reload.
 * Threads: the sink by the control thread; nd_kindex_* readers by any under the RCU read lock, and
 * what they return lives until it is given back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "kube/objects.h"
#include "plugin/kubernetes/kcount.h"
#include "plugin/kubernetes/kmemory.h"
#include "plugin/kubernetes/kobject.h"
#include "plugin/kubernetes/kreverse.h"
#include "plugin/kubernetes/ktable.h"

/* Two worlds with the same shape. */
enum nd_kscope { ND_KSCOPE_CLUSTER, ND_KSCOPE_CLUSTERSET, ND_KSCOPES };

struct nd_kns {
	struct nd_knode node;
	bool exists;   /* published: there is such a Namespace, and it is selected */
	uint32_t refs; /* names, slices and pods in it */
	char text[];
};

/* The slices of a name as they are now. */
struct nd_kgroup {
	uint32_t n;
	bool repeats; /* an address, a name or a port may stand twice: answers must be looked
			 through */
	bool ready;   /* some slice has a ready address */
	const struct nd_kslice *slice[]; /* may have gaps: NULL */
};

/* Everything called NAME.NAMESPACE: a Service or slices that name one, or both. */
struct nd_kname {
	struct nd_knode node;
	struct nd_kns *ns;
	struct nd_kservice *service; /* published; NULL: none */
	struct nd_kgroup *group;     /* published; NULL: no slices */
	struct nd_list sets;         /* control: of nd_kset */
	uint32_t id;                 /* control: in service_ips; 0: none */
	uint8_t mark;                /* control: relist that named the Service */
	char text[];
};

/* An EndpointSlice. */
struct nd_kset {
	struct nd_knode node;
	struct nd_kname *of;
	struct nd_kslice *now; /* published */
	struct nd_list link;
	uint32_t id; /* in endpoint_ips */
	char text[];
};

/* What one object changed in the index. */
struct nd_kupdate {
	bool added, changed;
	struct nd_kskips skips;
};

struct nd_kindex_config {
	bool pod_names, zones;        /* see nd_kobject_slice */
	bool pod_labels;              /* keep the labels of pods */
	bool outside;                 /* keep what Services have outside */
	bool wanted[ND_OBJECT_KINDS]; /* kinds that are waited for before it is complete */
	size_t max_bytes;
	struct nd_siphash_key key;
	uint64_t (*wall_ns)(void); /* for the serial */
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
	uint8_t epoch[ND_OBJECT_KINDS]; /* relists begun */
	uint64_t changes;              /* control: calls in which something came, went or changed */
	uint32_t listed;               /* published: bit by kind that was listed whole */
	uint32_t modified[ND_KSCOPES]; /* published: Unix time of the last change; 0: none */
	uint32_t modified_outside;     /* the same, of what Services have outside */
	struct nd_kcount count;
};

/* Every wanted kind was listed whole. */
bool nd_kindex_complete(const struct nd_kindex *ix);
/* NULL unless there is such a namespace. */
const struct nd_kns *nd_kindex_namespace(const struct nd_kindex *ix, const void *name, size_t n);
/* labels: NAME and NAMESPACE as they stand in a domain name, one behind the other. Found whether
 * the namespace exists or not: see nd_kindex_exists. */
const struct nd_kname *nd_kindex_name(const struct nd_kindex *ix, enum nd_kscope scope,
				      const uint8_t *labels);
/* The same for the writing side, which owns the name. Control thread. */
struct nd_kname *nd_kindex_own_name(struct nd_kindex *ix, enum nd_kscope scope,
				    const uint8_t *labels);
uint32_t nd_kindex_name_hash(const struct nd_kindex *ix, const uint8_t *labels);
bool nd_kindex_exists(const struct nd_kname *name);
/* Names and slices that hold an address, candidates: check with nd_kindex_service_has, or look
 * through it->now. */
struct nd_kreverse_iter nd_kindex_by_service_ip(const struct nd_kindex *ix, const uint8_t *ip,
						size_t n);
struct nd_kreverse_iter nd_kindex_by_endpoint_ip(const struct nd_kindex *ix, const uint8_t *ip,
						 size_t n);
bool nd_kindex_service_has(const struct nd_kservice *s, const uint8_t *ip, size_t n);

/* The table that holds the objects of a kind; for Services and ServiceImports that of the names. */
const struct nd_ktable *nd_kindex_table(const struct nd_kindex *ix, enum nd_object_kind kind,
					enum nd_kscope scope);
