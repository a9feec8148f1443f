/* SPDX-License-Identifier: Apache-2.0 */
/* objects.h - the Kubernetes objects that names are made of, cut down to what is used; and where
 * they go.
 *
 * Knows no DNS. An object is what one decoder hands to a sink, one at a time: all its text and
 * tables are borrowed until the sink returns.
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
	const char *name, *protocol; /* never NULL; "" where there is none */
	int32_t port;                /* -1: none given */
};

struct nd_object_ip {
	uint8_t len; /* 4, 16 (an IPv4-mapped address has 4), or 0: the text is no address */
	uint8_t bytes[16];
};

struct nd_object_endpoint {
	struct nd_object_ip ip;
	const char *text;                  /* the address as written; "": as usual */
	const char *hostname, *pod, *zone; /* "" where there is none */
};

struct nd_object_service { /* Service and ServiceImport */
	bool external, headless;
	const char *external_name;
	const struct nd_object_ip *ips; /* clusterIPs, in their order */
	size_t nips;
	const struct nd_object_port *ports;
	size_t nports;
	/* externalIPs, then what the load balancer has, address or host name each. */
	const char *const *outside;
	size_t noutside;
};

struct nd_object_slice {
	/* By label: which Service it belongs to; which ServiceImport, from which cluster. "" :
	 * none. */
	const char *service, *import, *cluster;
	const char *changed; /* annotation: when what it was made of changed; "": not said */
	const struct nd_object_endpoint *endpoints; /* the ready ones, one for each address */
	size_t nendpoints;
	const struct nd_object_port *ports;
	size_t nports;
};

struct nd_object_pod {
	const struct nd_object_ip *ips;
	size_t nips;
	bool gone;        /* its phase is Succeeded, Failed or Unknown */
	bool terminating; /* one that is known stays until it goes; a new one is none (CoreDNS) */
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

/* Takes objects as they come, from files or from an API server. A list of everything of a kind is
 * framed by begin and end; what was there before and is not named in between goes at the end. A
 * list that breaks off has no end, so nothing goes. upsert and remove also come alone (a watch).
 * Threads: control. */
struct nd_sink {
	void (*begin)(struct nd_sink *s, enum nd_object_kind kind);
	/* Adds or replaces. 0, -ENOMEM or ND_ELIMIT; on failure what was there stays. */
	int (*upsert)(struct nd_sink *s, const struct nd_object *o);
	void (*remove)(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		       const char *name);
	void (*end)(struct nd_sink *s, enum nd_object_kind kind);
	/* An object came that cannot be read, and is left out; why, in words. May be NULL. */
	void (*unread)(struct nd_sink *s, enum nd_object_kind kind, const char *why);
};

/* "Service", "EndpointSlice", ... */
extern const char *const nd_object_kind_text[ND_OBJECT_KINDS];

/* What decoders of every encoding do alike. Texts are borrowed, never NULL.
 * The kind that apiVersion and kind mean, or -1. */
int nd_object_find_kind(const char *version, const char *kind);
/* What an object without any field is: namespace "default" ("" for a Namespace), no texts. */
void nd_object_init(struct nd_object *o, enum nd_object_kind kind);
/* A port without any field: the API server fills in TCP. */
struct nd_object_port nd_object_port(void);
/* As Go's net.ParseIP and To4: a mapped address is an IPv4 one; len 0 if it is none. */
struct nd_object_ip nd_object_ip(const char *text);
/* "" where there is none. */
const char *nd_object_label(const struct nd_object *o, const char *key);
/* From spec.type and the first cluster address. */
void nd_object_service_is(struct nd_object_service *s, const char *type, const char *address);
/* The annotation of nd_object_slice.changed. */
#define ND_OBJECT_CHANGED "endpoints.kubernetes.io/last-change-trigger-time"
/* From the labels, which are there by now. */
void nd_object_slice_belongs(struct nd_object *o);
bool nd_object_pod_gone(const char *phase);
