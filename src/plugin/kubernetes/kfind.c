/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kfind.h"

#include <arpa/inet.h>
#include <string.h>
#include "base/rcu.h"
#include "plugin/kubernetes/kpod.h"

bool nd_kfind_configured(const struct nd_kconf *c, const void *name, size_t n)
{
	for (size_t i = 0; i < c->nnamespaces; i++)
		if (strlen(c->namespaces[i]) == n && memcmp(c->namespaces[i], name, n) == 0)
			return true;
	return c->nnamespaces == 0;
}

const struct nd_kns *nd_kfind_namespace(const struct nd_kconf *c, const void *name, size_t n)
{
	return nd_kfind_configured(c, name, n) ? nd_kindex_namespace(c->index, name, n) : NULL;
}

static bool label_matches(struct nd_klabel want, const uint8_t *text, uint32_t at)
{
	return want.n == 0 || nd_krequest_label_is(want, text + at + 1, text[at]);
}

bool nd_kfind_port_matches(const struct nd_krequest *r, const struct nd_kport *p,
			   const uint8_t *text)
{
	return label_matches(r->port, text, p->name) &&
	       label_matches(r->protocol, text, p->protocol);
}

/* Most queries name no port. */
static bool any_port(const struct nd_krequest *r, const struct nd_kport *p, size_t n,
		     const uint8_t *text)
{
	if (!r->port.n && !r->protocol.n)
		return n > 0;
	for (size_t i = 0; i < n; i++)
		if (nd_kfind_port_matches(r, &p[i], text))
			return true;
	return false;
}

/* Parses "10-0-0-1" or "2001-db8--1" as CoreDNS parses a pod's label: three single dashes make
 * IPv4. */
static struct nd_kip parse_dashes(struct nd_klabel l)
{
	struct nd_kip ip = { 0 };
	char text[ND_LABEL_MAX + 1];
	unsigned dashes = 0;
	bool doubled = false;

	for (unsigned i = 0; i < l.n; i++) {
		dashes += l.at[i] == '-';
		doubled = doubled || (i > 0 && l.at[i] == '-' && l.at[i - 1] == '-');
	}
	bool v4 = dashes == 3 && !doubled;
	for (unsigned i = 0; i < l.n; i++)
		text[i] = l.at[i] != '-' ? (char)l.at[i] : v4 ? '.' : ':';
	text[l.n] = '\0';
	if (memchr(l.at, 0, l.n) || memchr(l.at, '.', l.n))
		return ip;
	if (inet_pton(v4 ? AF_INET : AF_INET6, text, ip.bytes) != 1)
		return ip;
	ip.len = v4 ? 4 : 16;
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (!v4 && memcmp(ip.bytes, mapped, sizeof mapped) == 0) {
		memmove(ip.bytes, ip.bytes + 12, 4);
		ip.len = 4;
	}
	return ip;
}

/* The address that an endpoint's label was made of; len 0: none. */
static struct nd_kip parse_endpoint(struct nd_klabel l)
{
	struct nd_kip ip = parse_dashes(l);
	uint8_t label[ND_KOBJECT_LABEL_MAX];

	if (ip.len) {
		nd_kobject_ip_label(ip.bytes, ip.len, label);
		if (label[0] != l.n || memcmp(label + 1, l.at, l.n) != 0)
			ip.len = 0;
	}
	return ip;
}

/* --- endpoints --- */

struct nd_kfind_iter nd_kfind_endpoints(const struct nd_kfind *f)
{
	struct nd_kfind_iter it = { .find = f };

	if (f->request.endpoint.n)
		it.want = parse_endpoint(f->request.endpoint);
	return it;
}

static bool slice_matches(const struct nd_kfind *f, const struct nd_kslice *s)
{
	const uint8_t *text = nd_kobject_slice_text(s);

	if (f->request.cluster.n && !label_matches(f->request.cluster, text, s->cluster))
		return false;
	/* In a multicluster zone an endpoint's name includes its cluster. */
	if (f->multi && f->request.endpoint.n && !f->request.cluster.n && text[s->cluster])
		return false;
	return any_port(&f->request, s->port, s->nports, text);
}

bool nd_kfind_chooses(const struct nd_kfind *f)
{
	return f->request.endpoint.n || f->request.zone_labels;
}

bool nd_kfind_next_slice(struct nd_kfind_iter *it)
{
	const struct nd_kgroup *g = it->find->group;

	while (g && it->next_slice < g->n) {
		it->slice = nd_rcu_get(g->slice[it->next_slice++]);
		it->next_endpoint = 0;
		if (it->slice && slice_matches(it->find, it->slice))
			return true;
	}
	return false;
}

struct nd_kendpoint nd_kfind_endpoint(const struct nd_kslice *s, uint32_t i)
{
	if (i < s->n4) {
		const struct nd_kend4 *e = &nd_kobject_v4(s)[i];
		return (struct nd_kendpoint){ .ip = e->ip, .ip_len = 4, .name = e->name };
	}
	const struct nd_kend6 *e = &nd_kobject_v6(s)[i - s->n4];
	return (struct nd_kendpoint){ .ip = e->ip, .ip_len = 16, .name = e->name };
}

static bool endpoint_matches(const struct nd_kfind_iter *it, const struct nd_kendpoint *e,
			     uint32_t i)
{
	const struct nd_krequest *r = &it->find->request;
	const struct nd_kslice *s = it->slice;
	const uint8_t *text = nd_kobject_slice_text(s);

	if (r->zone_labels) {
		uint32_t zone = s->zones ? nd_kobject_zones(s)[i] : 0;
		if (!nd_krequest_zone_is(r, text + zone + 1, text[zone]))
			return false;
	}
	if (!r->endpoint.n)
		return true;
	if (e->name)
		return nd_krequest_label_is(r->endpoint, text + e->name + 1, text[e->name]);
	return it->want.len == e->ip_len && memcmp(it->want.bytes, e->ip, e->ip_len) == 0;
}

bool nd_kfind_next(struct nd_kfind_iter *it, struct nd_kendpoint *e)
{
	for (;;) {
		while (it->slice && it->next_endpoint < it->slice->n4 + it->slice->n6) {
			uint32_t i = it->next_endpoint++;
			*e = nd_kfind_endpoint(it->slice, i);
			if (endpoint_matches(it, e, i))
				return true;
		}
		if (!nd_kfind_next_slice(it))
			return false;
	}
}

const uint8_t *nd_kfind_label(const struct nd_kslice *slice, const struct nd_kendpoint *e,
			      uint8_t buf[ND_KOBJECT_LABEL_MAX])
{
	if (e->name)
		return nd_kobject_slice_text(slice) + e->name;
	nd_kobject_ip_label(e->ip, e->ip_len, buf);
	return buf;
}

static bool any_endpoint(const struct nd_kfind *f)
{
	struct nd_kfind_iter it = nd_kfind_endpoints(f);
	struct nd_kendpoint e;

	return nd_kfind_next(&it, &e);
}

/* --- names --- */

static void find_pod(const struct nd_kconf *c, const struct nd_kns *ns, struct nd_kfind *f)
{
	const struct nd_krequest *r = &f->request;

	if (c->pods == ND_KCONF_PODS_DISABLED)
		return;
	if (!r->service.n) {
		f->kind = ND_KFIND_EMPTY;
		return;
	}
	f->pod = parse_dashes(r->service);
	if (f->pod.len == 0)
		return;
	f->npods = 1;
	if (c->pods == ND_KCONF_PODS_VERIFIED)
		f->npods = nd_kpod_count(c->index, ns, f->pod.bytes, f->pod.len);
	if (f->npods)
		f->kind = ND_KFIND_POD;
}

/* An empty pinned topology zone is NODATA; an empty preferred one selects all endpoints. */
static void find_endpoints(struct nd_kfind *f)
{
	bool zonal = f->request.zone_labels > 0;

	if (any_endpoint(f)) {
		f->kind = ND_KFIND_ENDPOINTS;
		return;
	}
	if (zonal && f->request.prefer) {
		f->request.zone_labels = 0;
		f->kind = any_endpoint(f) ? ND_KFIND_ENDPOINTS : ND_KFIND_EMPTY;
	} else if (zonal) {
		f->kind = ND_KFIND_EMPTY;
	}
}

static void find_cluster_ip(struct nd_kfind *f)
{
	if (any_port(&f->request, f->service->port, f->service->nports,
		     nd_kobject_service_text(f->service)))
		f->kind = ND_KFIND_SERVICE;
}

static void find_service(const struct nd_kconf *c, struct nd_kfind *f)
{
	const struct nd_krequest *r = &f->request;
	const struct nd_kservice *s = f->service;

	if (c->ignore_empty && s->kind == ND_KSERVICE_CLUSTER &&
	    !(f->group && nd_rcu_get(f->group->ready)))
		return;
	if (r->zone_labels && s->kind != ND_KSERVICE_HEADLESS)
		return;
	if (s->kind == ND_KSERVICE_EXTERNAL) {
		if (!r->endpoint.n && !r->port.n && !r->protocol.n && s->target_len)
			f->kind = ND_KFIND_EXTERNAL;
		return;
	}
	if (s->kind == ND_KSERVICE_HEADLESS || r->endpoint.n)
		find_endpoints(f);
	else
		find_cluster_ip(f);
}

static void find_in_namespace(const struct nd_kconf *c, struct nd_kfind *f)
{
	const struct nd_krequest *r = &f->request;
	const struct nd_kns *ns = nd_kfind_namespace(c, r->namespace.at, r->namespace.n);

	if (ns && r->pod)
		find_pod(c, ns, f);
	else if (ns)
		f->kind = ND_KFIND_EMPTY;
}

/* One lookup finds the Service and its namespace: their labels are adjacent in the name. */
static void find_named(const struct nd_kconf *c, struct nd_kfind *f)
{
	enum nd_kscope scope = f->multi ? ND_KSCOPE_CLUSTERSET : ND_KSCOPE_CLUSTER;
	const struct nd_kname *name = nd_kindex_name(c->index, scope, f->request.service.at - 1);

	if (!name || !nd_kindex_exists(name))
		return;
	if (c->nnamespaces && !nd_kfind_configured(c, name->ns->node.name, name->ns->node.len))
		return;
	f->name = name;
	f->service = nd_rcu_get(name->service);
	f->group = nd_rcu_get(name->group);
	if (f->service)
		find_service(c, f);
}

void nd_kfind_name(const struct nd_kconf *c, struct nd_name name, struct nd_name zone,
		   struct nd_kfind *out)
{
	struct nd_krequest *r = &out->request;

	out->kind = ND_KFIND_NONE;
	out->name = NULL;
	out->service = NULL;
	out->group = NULL;
	out->multi = c->nmulti && nd_kconf_is_multi(c, zone);
	if (!nd_krequest_parse(name, zone, out->multi, c->zonal, r))
		return;
	if (r->top)
		out->kind = ND_KFIND_EMPTY;
	else if (nd_kconf_is_reverse(zone))
		return;
	else if (r->pod || !r->service.n)
		find_in_namespace(c, out);
	else
		find_named(c, out);
}
