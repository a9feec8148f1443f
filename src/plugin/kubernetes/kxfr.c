/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kxfr.h"

#include <string.h>
#include "base/rcu.h"
#include "core/query.h"
#include "plugin/kubernetes/kapex.h"
#include "plugin/kubernetes/kcursor.h"
#include "plugin/kubernetes/kfind.h"

/* In a cursor, above the table's: the servers are done. */
#define STARTED ((uint64_t)1 << 32)

struct putting {
	const struct nd_kconf *conf;
	struct nd_name zone;
	const struct nd_offer_records *to;
	struct nd_name_buf base_buf;
	struct nd_name base; /* SERVICE.NS.svc.ZONE */
};

static void put(const struct putting *p, struct nd_name owner, uint16_t type, uint32_t ttl,
		const void *rdata, size_t n)
{
	struct nd_offer_record r = {
		.owner = owner, .type = type, .ttl = ttl, .rdata = rdata, .n = n
	};

	p->to->put(p->to->ctx, &r);
}

static void put_address(const struct putting *p, struct nd_name owner, uint32_t ttl,
			const uint8_t *ip, uint8_t n)
{
	put(p, owner, n == 4 ? ND_TYPE_A : ND_TYPE_AAAA, ttl, ip, n);
}

static void put_srv(const struct putting *p, struct nd_name owner, uint16_t weight, int32_t port,
		    struct nd_name target)
{
	uint8_t rdata[ND_RR_SRV_MAX];

	put(p, owner, ND_TYPE_SRV, p->conf->ttl, rdata,
	    nd_rr_write_srv(rdata, 0, weight, (uint16_t)port, target));
}

/* "_http" in lower case, with its length. False: longer than a label may be. */
static bool underscored(const uint8_t *label, uint8_t out[ND_LABEL_MAX + 1])
{
	if (label[0] >= ND_LABEL_MAX)
		return false;
	out[0] = '_';
	memcpy(out + 1, label + 1, label[0]);
	nd_name_lower(out + 1, label[0]);
	return true;
}

/* _PORT._PROTOCOL.SERVICE...; unnamed ports have no such name (DNS-Based Service Discovery
 * 2.3.2). */
static void put_port_srv(const struct putting *p, const struct nd_kport *port, const uint8_t *text,
			 uint16_t weight, struct nd_name target)
{
	const uint8_t *name = text + port->name, *protocol = text + port->protocol;
	uint8_t label[ND_LABEL_MAX + 1];
	struct nd_name_buf a, b;
	struct nd_name owner;

	if (!name[0] || !underscored(protocol, label) ||
	    nd_name_prepend(label, protocol[0] + 1u, p->base, &a, &owner) ||
	    !underscored(name, label) || nd_name_prepend(label, name[0] + 1u, owner, &b, &owner))
		return;
	put_srv(p, owner, weight, port->port, target);
}

static void put_cluster_ips(const struct putting *p, const struct nd_kservice *s)
{
	const uint8_t *text = nd_kobject_service_text(s);

	for (uint8_t i = 0; i < s->nips; i++)
		put_address(p, p->base, p->conf->ttl, nd_kobject_ips(s)[i].bytes,
			    nd_kobject_ips(s)[i].len);
	for (uint32_t i = 0; i < s->nports; i++) {
		if (s->port[i].port < 0)
			continue; /* a Service without ports; CoreDNS writes port 65535 */
		put_srv(p, p->base, 100, s->port[i].port, p->base);
		put_port_srv(p, &s->port[i], text, 100, p->base);
	}
}

/* 100 divided evenly, rounded down, at least 1; in floating point, as in CoreDNS. */
static uint16_t weight_of(size_t n)
{
	double w = 100.0 / (double)(100 * n) * 100.0;
	return w < 1 ? 1 : (uint16_t)w;
}

static void put_endpoint(const struct putting *p, const struct nd_kslice *slice, uint32_t i)
{
	const uint8_t *text = nd_kobject_slice_text(slice);
	struct nd_kendpoint e = nd_kfind_endpoint(slice, i);
	uint8_t made[ND_KOBJECT_LABEL_MAX];
	const uint8_t *label = nd_kfind_label(slice, &e, made);
	/* Weights are per slice, and names do not include the cluster, as in CoreDNS. */
	uint16_t weight = weight_of(slice->n4 + slice->n6);
	struct nd_name_buf buf;
	struct nd_name name;

	put_address(p, p->base, p->conf->ttl, e.ip, e.ip_len);
	if (nd_name_prepend(label + 1, label[0], p->base, &buf, &name))
		return;
	put_address(p, name, p->conf->ttl, e.ip, e.ip_len);
	for (uint32_t k = 0; k < slice->nports; k++)
		if (slice->port[k].port >= 0)
			put_port_srv(p, &slice->port[k], text, weight, name);
}

static const void *slice_at(const void *group, uint32_t i)
{
	const struct nd_kgroup *g = group;

	return nd_rcu_get(g->slice[i]);
}

/* The endpoints, from where the walk stopped to where it stops again. */
static void put_endpoints(const struct putting *p, struct nd_kcursor *c, const struct nd_kname *of,
			  const struct nd_kgroup *g)
{
	struct nd_kcursor_place at = nd_kcursor_resume(c, g->n, g, slice_at);

	for (; at.part < g->n; at.part++, at.item = 0) {
		const struct nd_kslice *slice = slice_at(g, at.part);
		while (slice && at.item < slice->n4 + slice->n6) {
			put_endpoint(p, slice, at.item++);
			if (nd_kcursor_stops(c, of, slice, at))
				return;
		}
	}
}

static void put_service(struct putting *p, struct nd_kcursor *c, const struct nd_kname *of,
			const struct nd_kservice *s)
{
	const struct nd_kgroup *g = nd_rcu_get(of->group);

	if (s->kind == ND_KSERVICE_EXTERNAL) {
		if (s->target_len)
			put(p, p->base, ND_TYPE_CNAME, p->conf->ttl, nd_kobject_target(s),
			    s->target_len);
		return;
	}
	if (s->nips) {
		put_cluster_ips(p, s);
		return;
	}
	if (g)
		put_endpoints(p, c, of, g);
}

static void on_name(void *ctx, struct nd_kcursor *c, const struct nd_kname *of)
{
	const struct nd_kservice *s = nd_rcu_get(of->service);
	struct putting *p = ctx;
	struct nd_name_buf a, b;
	struct nd_name name;

	if (!s || !nd_kfind_namespace(p->conf, of->ns->node.name, of->ns->node.len) ||
	    nd_name_prepend("svc", 3, p->zone, &a, &name) ||
	    nd_name_prepend(of->ns->node.name, of->ns->node.len, name, &b, &name) ||
	    nd_name_prepend(of->node.name, of->node.len, name, &p->base_buf, &p->base))
		return;
	put_service(p, c, of, s);
}

/* The glue has TTL 0, as in CoreDNS. */
static void on_server(void *ctx, struct nd_name name, const uint8_t *ip, uint8_t n, bool first)
{
	const struct putting *p = ctx;

	if (first)
		put(p, p->zone, ND_TYPE_NS, p->conf->ttl, name.wire, name.len);
	put_address(p, name, 0, ip, n);
}

static bool walk(const void *self, struct nd_query *q, struct nd_name zone,
		 struct nd_offer_cursor *at, const struct nd_offer_records *to)
{
	const struct nd_kconf *c = self;
	enum nd_kscope scope = nd_kconf_is_multi(c, zone) ? ND_KSCOPE_CLUSTERSET
							  : ND_KSCOPE_CLUSTER;
	struct putting p = { .conf = c, .zone = zone, .to = to };
	struct nd_kcursor cursor = {
		.at = at, .visit = on_name, .visit_ctx = &p, .full = to->full, .full_ctx = to->ctx
	};

	if (at->at == 0) { /* first the servers, then the names by the table's cursor */
		(void)nd_kapex_servers(c, q, zone, on_server, &p);
		at->at = STARTED;
		return true;
	}
	bool more = nd_kcursor_walk(&cursor, &c->index->scope[scope].names);
	at->at |= STARTED;
	return more;
}

static bool soa(const void *self, struct nd_name zone, struct nd_offer_soa *out)
{
	const struct nd_kconf *c = self;

	for (size_t i = 0; i < c->nzones; i++) {
		if (!nd_name_same(c->zones[i], zone))
			continue;
		out->serial = nd_kapex_serial(c, zone);
		out->ttl = nd_kapex_soa_ttl(c);
		out->n = (uint16_t)nd_kapex_soa_data(c, zone, out->serial, out->rdata);
		return true;
	}
	return false;
}

static bool current(uint32_t theirs, uint32_t ours)
{
	return theirs == ours;
}

const struct nd_offer_zone nd_kxfr = { .soa = soa, .current = current, .walk = walk };
