/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/k8s_external/extxfr.h"

#include <string.h>
#include "core/query.h"
#include "plugin/k8s_external/extapex.h"

enum { WEIGHTS = 8 };

/* Targets arrive Service by Service, one per address and port. */
struct putting {
	const struct nd_external *external;
	struct nd_name zone;
	const struct nd_offer_records *to;
	uint32_t ttl; /* of CNAME and SRV */
	/* The current Service: its name, in lower case, and the weights of its SRV names. */
	struct nd_name_buf service_buf;
	struct nd_name service;
	struct {
		struct nd_name_buf buf;
		struct nd_name name;
		uint16_t weight;
	} weight[WEIGHTS];
	size_t nweights;
	uint8_t first[16], first_len; /* its first address; first_len 0: none yet */
	/* The previous target; an address has one target per port. */
	struct nd_offer_target last;
	struct nd_name_buf last_key;
	size_t counted;
};

static void put(const struct putting *p, struct nd_name owner, uint16_t type, uint32_t ttl,
		const void *rdata, size_t n)
{
	struct nd_offer_record r = {
		.owner = owner, .type = type, .ttl = ttl, .rdata = rdata, .n = n
	};

	p->to->put(p->to->ctx, &r);
}

static void put_srv(const struct putting *p, struct nd_name owner, uint16_t weight, int32_t port,
		    struct nd_name target)
{
	uint8_t rdata[ND_RR_SRV_MAX];

	put(p, owner, ND_TYPE_SRV, p->ttl, rdata,
	    nd_rr_write_srv(rdata, 0, weight, (uint16_t)port, target));
}

static void count(void *ctx, const struct nd_offer_target *t)
{
	struct putting *p = ctx;

	(void)t;
	p->counted++;
}

/* Weights of that many and of more targets are all 1. */
static bool is_counted(void *ctx)
{
	const struct putting *p = ctx;

	return p->counted > 100;
}

/* 100 divided by the number of targets that a query for the name would find. */
static uint16_t weight_of(struct putting *p, struct nd_name lower)
{
	struct nd_offer_targets to = { .put = count, .full = is_counted, .ctx = p };

	for (size_t i = 0; i < p->nweights; i++)
		if (nd_name_same(p->weight[i].name, lower))
			return p->weight[i].weight;
	p->counted = 0;
	p->external->from->find(p->external->from_self, lower, p->zone, p->external->headless, &to);
	double w = 100.0 / (double)(100 * (p->counted ? p->counted : 1)) * 100.0;
	uint16_t weight = w < 1 ? 1 : (uint16_t)w;
	if (p->nweights < WEIGHTS) {
		p->weight[p->nweights].name = nd_name_copy(lower, &p->weight[p->nweights].buf);
		p->weight[p->nweights++].weight = weight;
	}
	return weight;
}

/* _PORT._PROTOCOL.SERVICE.NAMESPACE.ZONE in lower case. False: an unnamed port has no such name. */
static bool port_name(const struct putting *p, const struct nd_offer_target *t,
		      struct nd_name_buf *buf, struct nd_name *out)
{
	uint8_t label[ND_LABEL_MAX + 1] = { '_' };
	struct nd_name_buf below;
	struct nd_name name;

	if (!t->port_name[0] || t->port_name[0] >= ND_LABEL_MAX || t->protocol[0] >= ND_LABEL_MAX)
		return false;
	memcpy(label + 1, t->protocol + 1, t->protocol[0]);
	if (nd_name_prepend(label, t->protocol[0] + 1u, p->service, &below, &name))
		return false;
	memcpy(label + 1, t->port_name + 1, t->port_name[0]);
	if (nd_name_prepend(label, t->port_name[0] + 1u, name, buf, out))
		return false;
	nd_name_lower(buf->bytes, out->len);
	return true;
}

/* Sets the target's Service: its own name, or the parent of the endpoint's. */
static void set_service(struct putting *p, const struct nd_offer_target *t)
{
	struct nd_name name = nd_name_parent(t->key, t->endpoint ? 1 : 0);

	if (p->service.len && nd_name_equal(p->service, name))
		return;
	p->service = nd_name_copy(name, &p->service_buf);
	nd_name_lower(p->service_buf.bytes, name.len);
	p->nweights = 0;
	p->first_len = 0;
	p->last.key.len = 0;
}

static bool same_address(const struct putting *p, const struct nd_offer_target *t)
{
	const struct nd_offer_target *l = &p->last;

	if (!l->key.len || !nd_name_equal(l->key, t->key) || l->ip_len != t->ip_len)
		return false;
	return t->ip_len ? memcmp(l->ip, t->ip, t->ip_len) == 0 : l->host.wire == t->host.wire;
}

static void put_address(const struct putting *p, const struct nd_offer_target *t)
{
	uint16_t type = t->ip_len == 4 ? ND_TYPE_A : ND_TYPE_AAAA;
	uint32_t ttl = p->external->ttl;

	if (!t->ip_len) {
		put(p, p->service, ND_TYPE_CNAME, p->ttl, t->host.wire, t->host.len);
		return;
	}
	put(p, p->service, type, ttl, t->ip, t->ip_len);
	if (t->endpoint)
		put(p, t->key, type, ttl, t->ip, t->ip_len);
}

static void put_ports(struct putting *p, const struct nd_offer_target *t)
{
	struct nd_name target = !t->ip_len ? t->host : t->endpoint ? t->key : p->service;
	struct nd_name_buf buf;
	struct nd_name name;

	if (t->port < 0)
		return;
	put_srv(p, p->service, t->endpoint ? weight_of(p, p->service) : 100, t->port, target);
	if (t->endpoint)
		put_srv(p, t->key, 100, t->port, target);
	if (port_name(p, t, &buf, &name))
		put_srv(p, name, t->endpoint ? weight_of(p, name) : 100, t->port, target);
}

/* A Service's SRV records are the same for all of its addresses; only the first one writes them. */
static bool tells_ports(struct putting *p, const struct nd_offer_target *t)
{
	if (!t->ip_len || t->endpoint)
		return true;
	if (!p->first_len) {
		p->first_len = t->ip_len;
		memcpy(p->first, t->ip, t->ip_len);
	}
	return p->first_len == t->ip_len && memcmp(p->first, t->ip, t->ip_len) == 0;
}

static void on_target(void *ctx, const struct nd_offer_target *t)
{
	struct putting *p = ctx;

	set_service(p, t);
	if (!same_address(p, t))
		put_address(p, t);
	if (tells_ports(p, t))
		put_ports(p, t);
	p->last = *t;
	p->last.key = nd_name_copy(t->key, &p->last_key);
}

struct serving {
	const struct putting *putting;
	struct nd_name ns;
};

static void on_server(void *ctx, const struct nd_offer_target *t)
{
	const struct serving *s = ctx;

	if (t->ip_len)
		put(s->putting, s->ns, t->ip_len == 4 ? ND_TYPE_A : ND_TYPE_AAAA,
		    s->putting->external->ttl, t->ip, t->ip_len);
}

static void put_servers(const struct putting *p)
{
	const struct nd_external *e = p->external;
	struct serving s = { .putting = p };
	struct nd_offer_targets to = { .put = on_server, .ctx = &s };
	struct nd_name_buf buf;

	if (nd_extapex_name(e, "ns1", p->zone, &buf, &s.ns))
		return;
	put(p, p->zone, ND_TYPE_NS, e->ttl, s.ns.wire, s.ns.len);
	e->from->servers(e->from_self, e->headless, &to);
}

/* The message is full. */
static bool is_full(void *ctx)
{
	const struct putting *p = ctx;

	return p->to->full(p->to->ctx);
}

static bool walk(const void *self, struct nd_query *q, struct nd_name zone,
		 struct nd_offer_cursor *at, const struct nd_offer_records *to)
{
	const struct nd_external *e = self;
	struct putting p = { .external = e, .zone = zone, .to = to };
	struct nd_offer_targets targets = { .put = on_target, .full = is_full, .ctx = &p };
	(void)q;

	p.ttl = e->from->ttl(e->from_self);
	if (at->at == 0) { /* the servers; then kubernetes' cursor + 1 */
		put_servers(&p);
		at->at = 1;
		return true;
	}
	at->at--;
	bool more = e->from->walk(e->from_self, zone, e->headless, at, &targets);
	at->at++;
	return more;
}

static bool soa(const void *self, struct nd_name zone, struct nd_offer_soa *out)
{
	const struct nd_external *e = self;

	for (size_t i = 0; i < e->nzones; i++) {
		if (!nd_name_same(e->zones[i], zone))
			continue;
		out->serial = e->from->serial(e->from_self);
		out->ttl = e->ttl;
		out->n = (uint16_t)nd_extapex_soa_data(e, zone, out->rdata);
		return out->n > 0;
	}
	return false;
}

static bool current(uint32_t theirs, uint32_t ours)
{
	return theirs >= ours;
}

const struct nd_offer_zone nd_extxfr = { .soa = soa, .current = current, .walk = walk };
