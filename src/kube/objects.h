/* SPDX-License-Identifier: Apache-2.0 */
/* objects.h - the Kubernetes objects that have DNS names, reduced to the fields in use; and the
 * sink that receives them.
 *
 * Independent of DNS. A decoder passes objects to a sink one at a time.
 *
 * Owns:    nothing: text and arrays of an object are borrowed until the sink returns.
 * Threads: objects: any. Sinks: control.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_object_kind {
	ND_OBJECT_NAMESPACE,
	ND_OBJECT_SERVICE,
	ND_OBJECT_SLICE, /* EndpointSlice */
	ND_OBJECT_POD,
	ND_OBJECT_IMPORT, /* ServiceImport (multicluster) */
	ND_OBJECT_KINDS,
};

struct nd_object_label {
	const char *key, *value;
};

struct nd_object_port {
	const char *name, *protocol; /* never NULL; "": none */
	int32_t port;                /* -1: none */
};

struct nd_object_ip {
	uint8_t len; /* 4, 16, or 0: invalid; an IPv4-mapped address has 4 */
	uint8_t bytes[16];
};

struct nd_object_endpoint {
	struct nd_object_ip ip;
	const char *text;                  /* the address as written; "": the usual form */
	const char *hostname, *pod, *zone; /* "": none */
};

struct nd_object_service { /* Service and ServiceImport */
	bool external, headless;
	const char *external_name;
	const struct nd_object_ip *ips; /* clusterIPs, in order */
	size_t nips;
	const struct nd_object_port *ports;
	size_t nports;
	/* externalIPs, then the load balancer's ingress: each an address or a host name. */
	const char *const *outside;
	size_t noutside;
};

struct nd_object_slice {
	/* From labels: its Service; its ServiceImport and that one's cluster. "": none. */
	const char *service, *import, *cluster;
	const char *changed;                        /* annotation ND_OBJECT_CHANGED; "": none */
	const struct nd_object_endpoint *endpoints; /* ready ones, one per address */
	size_t nendpoints;
	const struct nd_object_port *ports;
	size_t nports;
};

struct nd_object_pod {
	const struct nd_object_ip *ips;
	size_t nips;
	bool gone;        /* phase Succeeded, Failed or Unknown */
	bool terminating; /* a known pod is kept until removed; a new one is ignored (CoreDNS) */
};

struct nd_object {
	enum nd_object_kind kind;
	const char *namespace; /* "" for a Namespace */
	const char *name;
	const struct nd_object_label *labels;
	size_t nlabels;
	union {
		struct nd_object_service service;
		struct nd_object_slice slice;
		struct nd_object_pod pod;
	};
};

/* Receives objects from files or an API server. A complete list of a kind is framed by begin and
 * end: at the end, objects that were not in it are removed. A list that breaks off has no end, so
 * nothing is removed. Outside a list, upsert and remove are events of a watch. Threads: control. */
struct nd_sink {
	void (*begin)(struct nd_sink *s, enum nd_object_kind kind);
	/* Adds or replaces. 0, -ENOMEM or ND_ELIMIT; on failure nothing changes. */
	int (*upsert)(struct nd_sink *s, const struct nd_object *o);
	void (*remove)(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		       const char *name);
	void (*end)(struct nd_sink *s, enum nd_object_kind kind);
	/* An unreadable object was skipped; why: text. May be NULL. */
	void (*unread)(struct nd_sink *s, enum nd_object_kind kind, const char *why);
};

/* "Service", "EndpointSlice", ... */
extern const char *const nd_object_kind_text[ND_OBJECT_KINDS];

/* --- shared by the decoders of all encodings; text is borrowed, never NULL --- */

/* The kind for these values of apiVersion and kind; -1: none of ours. */
int nd_object_find_kind(const char *version, const char *kind);
/* An object without any field: namespace "default" ("" for a Namespace), empty text. */
void nd_object_init(struct nd_object *o, enum nd_object_kind kind);
/* A port without any field; the API server fills in TCP. */
struct nd_object_port nd_object_port(void);
/* As Go's net.ParseIP and To4: a mapped address becomes IPv4; len 0: invalid. */
struct nd_object_ip nd_object_ip(const char *text);
/* The value of a label; "": none. */
const char *nd_object_label(const struct nd_object *o, const char *key);
/* Sets external and headless from spec.type and the first cluster IP. */
void nd_object_set_type(struct nd_object_service *s, const char *type, const char *address);
/* Annotation of a slice: when its Service or pods last changed. */
#define ND_OBJECT_CHANGED "endpoints.kubernetes.io/last-change-trigger-time"
/* Sets service, import and cluster from the labels. */
void nd_object_set_owner(struct nd_object *o);
bool nd_object_pod_gone(const char *phase);
