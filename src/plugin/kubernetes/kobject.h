/* SPDX-License-Identifier: Apache-2.0 */
/* kobject.h - what the index keeps of a Service and of an EndpointSlice: one immutable block each,
 * without pointers, so that two are equal when their bytes are.
 *
 * A label stands in the block's text as its length and its letters; offset 0 is the empty one.
 * An IPv4 endpoint takes 8 octets: its name is usually its address ("10-0-0-1") and then not stored.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kube/objects.h"
#include "plugin/kubernetes/kmemory.h"

enum nd_kservice_kind { ND_KSERVICE_CLUSTER, ND_KSERVICE_HEADLESS, ND_KSERVICE_EXTERNAL };

struct nd_kport {
	uint32_t name, protocol; /* labels */
	int32_t port;            /* -1: none given */
};

struct nd_kip {
	uint8_t len; /* 4 or 16 */
	uint8_t bytes[16];
};

struct nd_kservice {
	uint32_t size; /* of the whole block */
	uint16_t nports;
	uint8_t nips;
	uint8_t kind;        /* enum nd_kservice_kind */
	uint16_t target_len; /* external name in wire form, at the end of the text; 0: it is no host
				name */
	uint16_t outside_len; /* addresses and hosts outside, before that; only where they are kept */
	struct nd_kport port[]; /* then nips addresses, then text */
};

struct nd_kend4 {
	uint32_t name; /* label; 0: made of the address */
	uint8_t ip[4];
};

struct nd_kend6 {
	uint32_t name;
	uint8_t ip[16];
};

struct nd_kslice {
	uint32_t size;
	uint32_t n4, n6, nports;
	uint32_t nready;  /* addresses, with those that are none */
	uint32_t cluster; /* label: where a multicluster slice comes from */
	uint32_t zones;   /* 1: topology zones are kept */
	struct nd_kport
		port[]; /* then n4, n6 endpoints, then n4 + n6 labels of zones if kept, then text */
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

/* n4 + n6 of them, the IPv4 ones first; only if zones are kept. */
static inline const uint32_t *nd_kobject_zones(const struct nd_kslice *s)
{
	return (const uint32_t *)(nd_kobject_v6(s) + s->n6);
}

static inline const uint8_t *nd_kobject_slice_text(const struct nd_kslice *s)
{
	return (const uint8_t *)(nd_kobject_zones(s) + (s->zones ? s->n4 + s->n6 : 0));
}

/* What a Service has outside the cluster. */
struct nd_koutside {
	uint8_t len;       /* 4 or 16; 0: a host */
	const uint8_t *at; /* the address, or the name in wire form, letters kept */
};
/* The next one, *at from 0. False at the end. */
bool nd_kobject_outside(const struct nd_kservice *s, size_t *at, struct nd_koutside *out);
bool nd_kobject_slice_has(const struct nd_kslice *s, const uint8_t *ip, size_t n);

/* What of an object could not be used. */
struct nd_kskips {
	bool name;          /* the object: its name or its namespace's cannot be in a DNS name */
	bool target;        /* the externalName is not a host name */
	uint32_t addresses; /* not IP addresses */
};

/* Can the object be in an answer? Its namespace and name must be labels; slice and pod names need
 * only be at most 255 bytes, which a key of the index holds. */
bool nd_kobject_can_be_named(const struct nd_object *o);
/* NULL: no memory. outside: keep externalIPs and what load balancers have. */
struct nd_kservice *nd_kobject_service(struct nd_kmemory *m, const struct nd_object *o,
				       bool outside, struct nd_kskips *skips);
/* pod_names: an endpoint without a hostname is called as its pod. zones: keep topology zones. */
struct nd_kslice *nd_kobject_slice(struct nd_kmemory *m, const struct nd_object_slice *o,
				   bool pod_names, bool zones, struct nd_kskips *skips);

enum { ND_KOBJECT_LABEL_MAX = 1 + 63 };
/* The label that CoreDNS makes of an address: "10-0-0-1", "2001-db8--1"; length and letters. */
void nd_kobject_ip_label(const uint8_t *ip, size_t n, uint8_t label[ND_KOBJECT_LABEL_MAX]);
/* 1..63 octets without a dot: can stand in a name. */
bool nd_kobject_is_label(const char *text);
