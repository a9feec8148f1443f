/* SPDX-License-Identifier: Apache-2.0 */
/* kobject.h - the blocks that the index stores for a Service and for an EndpointSlice: immutable
 * and without pointers, so two are equal if their bytes are.
 *
 * Labels are stored in the block's text as a length and the letters; offset 0 is the empty label.
 * An IPv4 endpoint takes 8 bytes: its name is usually made of its address ("10-0-0-1") and then not
 * stored.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kube/objects.h"
#include "plugin/kubernetes/kmemory.h"

enum nd_kservice_kind { ND_KSERVICE_CLUSTER, ND_KSERVICE_HEADLESS, ND_KSERVICE_EXTERNAL };

struct nd_kport {
	uint32_t name, protocol; /* offsets of labels */
	int32_t port;            /* -1: none */
};

struct nd_kip {
	uint8_t len; /* 4 or 16 */
	uint8_t bytes[16];
};

struct nd_kservice {
	uint32_t size; /* of the whole block */
	uint16_t nports;
	uint8_t nips;
	uint8_t kind;           /* enum nd_kservice_kind */
	uint16_t target_len;    /* externalName in wire form, at the end of the text; 0: not a host
				   name */
	uint16_t outside_len;   /* external addresses and hosts, before that; 0 if not kept */
	struct nd_kport port[]; /* followed by nips addresses and the text */
};

struct nd_kend4 {
	uint32_t name; /* offset of a label; 0: made of the address */
	uint8_t ip[4];
};

struct nd_kend6 {
	uint32_t name;
	uint8_t ip[16];
};

struct nd_kslice {
	uint32_t size;
	uint32_t n4, n6, nports;
	uint32_t nready;        /* ready endpoints, including those without a usable address */
	uint32_t cluster;       /* label: source cluster of a multicluster slice */
	uint16_t zones;         /* 1: topology zones are stored */
	uint16_t same_ports;    /* 1: a port number occurs twice */
	struct nd_kport port[]; /* followed by n4 and n6 endpoints, n4 + n6 offsets of zones if
				   stored, and the text */
};

static inline const struct nd_kip *nd_kobject_ips(const struct nd_kservice *s)
{
	return (const struct nd_kip *)(s->port + s->nports);
}

static inline const uint8_t *nd_kobject_service_text(const struct nd_kservice *s)
{
	return (const uint8_t *)(nd_kobject_ips(s) + s->nips);
}

static inline const uint8_t *nd_kobject_target(const struct nd_kservice *s)
{
	return (const uint8_t *)s + s->size - s->target_len;
}

static inline const struct nd_kend4 *nd_kobject_v4(const struct nd_kslice *s)
{
	return (const struct nd_kend4 *)(s->port + s->nports);
}

static inline const struct nd_kend6 *nd_kobject_v6(const struct nd_kslice *s)
{
	return (const struct nd_kend6 *)(nd_kobject_v4(s) + s->n4);
}

/* n4 + n6 of them, IPv4 first; only if stored. */
static inline const uint32_t *nd_kobject_zones(const struct nd_kslice *s)
{
	return (const uint32_t *)(nd_kobject_v6(s) + s->n6);
}

static inline const uint8_t *nd_kobject_slice_text(const struct nd_kslice *s)
{
	return (const uint8_t *)(nd_kobject_zones(s) + (s->zones ? s->n4 + s->n6 : 0));
}

/* An external address or host of a Service: externalIPs and load balancer ingress. */
struct nd_koutside {
	uint8_t len;       /* 4 or 16; 0: a host */
	const uint8_t *at; /* the address, or the name in wire form, case kept */
};
/* The next one; *at starts at 0. False: no more. */
bool nd_kobject_outside(const struct nd_kservice *s, size_t *at, struct nd_koutside *out);
bool nd_kobject_slice_has(const struct nd_kslice *s, const uint8_t *ip, size_t n);

/* The parts of an object that could not be used. */
struct nd_kskips {
	bool name;          /* the whole object: its name or namespace cannot be in a DNS name */
	bool target;        /* externalName is not a host name */
	uint32_t addresses; /* number of addresses that are not IP addresses */
};

/* Namespaces and names must be DNS labels. Slice and pod names are not in DNS names; they must be
 * at most 255 bytes, the limit of a key. */
bool nd_kobject_can_be_named(const struct nd_object *o);
/* NULL: out of memory. outside: store externalIPs and load balancer ingress. */
struct nd_kservice *nd_kobject_service(struct nd_kmemory *m, const struct nd_object *o,
				       bool outside, struct nd_kskips *skips);
/* pod_names: an endpoint without a hostname is named after its pod. zones: store topology zones. */
struct nd_kslice *nd_kobject_slice(struct nd_kmemory *m, const struct nd_object_slice *o,
				   bool pod_names, bool zones, struct nd_kskips *skips);

enum { ND_KOBJECT_LABEL_MAX = 1 + 63 };
/* The label that CoreDNS makes of an address ("10-0-0-1", "2001-db8--1"), with its length. */
void nd_kobject_ip_label(const uint8_t *ip, size_t n, uint8_t label[ND_KOBJECT_LABEL_MAX]);
/* 1 to 63 plain characters without a dot. */
bool nd_kobject_is_label(const char *text);
