/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kexternal.h"

#include <string.h>
#include "base/rcu.h"
#include "plugin/kubernetes/kcursor.h"
#include "plugin/kubernetes/kfind.h"

/* Passes the targets of one Service to the caller. */
struct giving {
	const struct nd_kname *of;
	struct nd_name zone;
	const struct nd_offer_targets *to;
	struct nd_kcursor *cursor; /* of a walk; else NULL */
	struct nd_offer_target target;
	struct nd_name_buf base_buf, key_buf;
	struct nd_name base; /* SERVICE.NAMESPACE.ZONE */
};

static bool begin(struct giving *g, const struct nd_kname *of, struct nd_name zone,
		  const struct nd_offer_targets *to)
{
	struct nd_name_buf buf;
	struct nd_name name;

	g->of = of;
	g->zone = zone;
	g->to = to;
	g->cursor = NULL;
	g->target = (struct nd_offer_target){ .port_name = (const uint8_t *)"",
					      .protocol = (const uint8_t *)"" };
	if (nd_name_prepend(of->ns->node.name, of->ns->node.len, zone, &buf, &name) ||
	    nd_name_prepend(of->node.name, of->node.len, name, &g->base_buf, &g->base))
		return false; /* longer than a name can be */
	g->target.key = g->base;
	return true;
}

static void give(struct giving *g)
{
	g->to->put(g->to->ctx, &g->target);
}

static void give_port(struct giving *g, const struct nd_kport *p, const uint8_t *text)
{
	g->target.port = p->port;
	g->target.port_name = text + p->name;
	g->target.protocol = text + p->protocol;
	give(g);
}

static void set_ip(struct giving *g, const uint8_t *ip, uint8_t n)
{
	g->target.ip_len = n;
	memcpy(g->target.ip, ip, n);
}

/* After each address: no more are wanted. */
static bool stops(struct giving *g, const void *part, struct nd_kcursor_place next)
{
	if (g->cursor)
		return nd_kcursor_stops(g->cursor, g->of, part, next);
	return g->to->full && g->to->full(g->to->ctx);
}

static const void *itself(const void *service, uint32_t i)
{
	(void)i;
	return service;
}

/* Each external address or host with each matching port. False: none. */
static bool give_outside(struct giving *g, const struct nd_kservice *s, const struct nd_krequest *r)
{
	const uint8_t *text = nd_kobject_service_text(s);
	struct nd_koutside each;
	struct nd_kcursor_place start = nd_kcursor_resume(g->cursor, 1, s, itself), next = { 0 };
	bool any = false;

	for (size_t at = 0; nd_kobject_outside(s, &at, &each);) {
		if (next.item++ < start.item)
			continue;
		g->target.ip_len = each.len;
		if (each.len)
			set_ip(g, each.at, each.len);
		else
			g->target.host = nd_name_view(each.at);
		for (uint32_t i = 0; i < s->nports; i++) {
			if (!nd_kfind_port_matches(r, &s->port[i], text))
				continue;
			any = true;
			give_port(g, &s->port[i], text);
		}
		if (stops(g, s, next))
			break;
	}
	return any;
}

static const void *slice_at(const void *group, uint32_t i)
{
	const struct nd_kgroup *g = group;

	return nd_rcu_get(g->slice[i]);
}

/* The endpoints from where a walk stopped on. */
static struct nd_kfind_iter endpoints(const struct giving *g, const struct nd_kfind *f)
{
	struct nd_kfind_iter it = nd_kfind_endpoints(f);
	struct nd_kcursor_place at = { 0 };

	if (f->group)
		at = nd_kcursor_resume(g->cursor, f->group->n, f->group, slice_at);
	it.next_slice = at.part;
	if (at.item && nd_kfind_next_slice(&it))
		it.next_endpoint = at.item;
	return it;
}

static bool give_endpoints(struct giving *g, const struct nd_kfind *f)
{
	struct nd_kfind_iter it = endpoints(g, f);
	struct nd_kendpoint e;
	bool any = false;

	g->target.endpoint = true;
	while (nd_kfind_next(&it, &e)) {
		const uint8_t *text = nd_kobject_slice_text(it.slice);
		uint8_t made[ND_KOBJECT_LABEL_MAX];
		const uint8_t *label = nd_kfind_label(it.slice, &e, made);
		if (nd_name_prepend(label + 1, label[0], g->base, &g->key_buf, &g->target.key))
			continue;
		set_ip(g, e.ip, e.ip_len);
		for (uint32_t i = 0; i < it.slice->nports; i++) {
			if (!nd_kfind_port_matches(&f->request, &it.slice->port[i], text))
				continue;
			any = true;
			give_port(g, &it.slice->port[i], text);
		}
		if (stops(g, it.slice,
			  (struct nd_kcursor_place){ it.next_slice - 1, it.next_endpoint }))
			break;
	}
	return any;
}

/* A headless Service, or a query that names an endpoint, is answered with endpoints unless the
 * Service has external addresses. */
static bool give_service(struct giving *g, const struct nd_kservice *s, bool headless,
			 struct nd_kfind *f)
{
	if (headless && !s->outside_len &&
	    (s->kind == ND_KSERVICE_HEADLESS || f->request.endpoint.n)) {
		f->group = nd_rcu_get(g->of->group);
		return give_endpoints(g, f);
	}
	return give_outside(g, s, &f->request);
}

static struct nd_klabel take(const uint8_t *at, bool strip)
{
	bool underscore = strip && at[0] && at[1] == '_';

	return (struct nd_klabel){ .at = at + 1 + underscore, .n = (uint8_t)(at[0] - underscore) };
}

/* [ENDPOINT. or _PORT._PROTOCOL.]SERVICE.NAMESPACE */
static void read_request(const uint8_t *const *label, unsigned n, struct nd_krequest *r)
{
	r->namespace = take(label[n - 1], false);
	if (n >= 2)
		r->service = take(label[n - 2], false);
	if (n == 3)
		r->endpoint = take(label[0], true);
	if (n == 4) {
		r->port = take(label[0], true);
		r->protocol = take(label[1], true);
	}
}

static bool find(const void *self, struct nd_name lower, struct nd_name zone, bool headless,
		 const struct nd_offer_targets *to)
{
	const struct nd_kconf *c = self;
	unsigned n = (unsigned)(lower.labels - zone.labels);
	const uint8_t *label[ND_NAME_MAX / 2 + 1], *at = lower.wire;
	struct nd_kfind f = { .kind = ND_KFIND_NONE };
	struct nd_krequest *r = &f.request;
	struct giving g;

	if (n == 0)
		return false;
	for (unsigned i = 0; i < n; i++, at += at[0] + 1u)
		label[i] = at;
	read_request(label, n, r);
	const struct nd_kns *ns = nd_kfind_namespace(c, r->namespace.at, r->namespace.n);
	if (!ns || n == 1 || n > 4)
		return ns && n == 1; /* a namespace exists without records */
	const struct nd_kname *of = nd_kindex_name(c->index, ND_KSCOPE_CLUSTER, label[n - 2]);
	const struct nd_kservice *s = of ? nd_rcu_get(of->service) : NULL;
	return s && begin(&g, of, zone, to) && give_service(&g, s, headless, &f);
}

static bool has_outside(const struct nd_kservice *s, const uint8_t *ip, size_t n)
{
	struct nd_koutside each;

	for (size_t at = 0; nd_kobject_outside(s, &at, &each);)
		if (each.len == n && memcmp(each.at, ip, n) == 0)
			return true;
	return false;
}

static void reverse(const void *self, const uint8_t *ip, size_t n, struct nd_name zone,
		    const struct nd_offer_targets *to)
{
	const struct nd_kconf *c = self;
	struct nd_kreverse_iter it = nd_kindex_by_service_ip(c->index, ip, n);
	const struct nd_kname *of;
	struct giving g;

	while ((of = nd_kreverse_next(&it))) {
		const struct nd_kservice *s = nd_rcu_get(of->service);
		if (!s || !has_outside(s, ip, n))
			continue;
		if (c->nnamespaces && !nd_kfind_namespace(c, of->ns->node.name, of->ns->node.len))
			continue;
		if (begin(&g, of, zone, to))
			give(&g);
	}
}

/* --- the server's own addresses --- */

static void give_slice(struct giving *g, const struct nd_kslice *s)
{
	for (uint32_t i = 0; i < s->n4; i++) {
		set_ip(g, nd_kobject_v4(s)[i].ip, 4);
		give(g);
	}
	for (uint32_t i = 0; i < s->n6; i++) {
		set_ip(g, nd_kobject_v6(s)[i].ip, 16);
		give(g);
	}
}

static void give_addresses(struct giving *g, const struct nd_kservice *s)
{
	struct nd_koutside each;

	for (size_t at = 0; nd_kobject_outside(s, &at, &each);)
		if (each.len) {
			set_ip(g, each.at, each.len);
			give(g);
		}
}

/* Services with this address among their endpoints. False: no slice contains it. */
static bool give_before(const struct nd_kconf *c, const struct nd_kip *local, bool headless,
			const struct nd_offer_targets *to)
{
	struct nd_kreverse_iter it = nd_kindex_by_endpoint_ip(c->index, local->bytes, local->len);
	const struct nd_kset *set;
	bool found = false;

	while ((set = nd_kreverse_next(&it))) {
		const struct nd_kslice *slice = nd_rcu_get(set->now);
		const struct nd_kservice *s = nd_rcu_get(set->of->service);
		struct giving g;
		if (!slice || !nd_kobject_slice_has(slice, local->bytes, local->len))
			continue;
		found = true;
		if (!s || !begin(&g, set->of, nd_name_root, to))
			continue;
		if (headless && s->kind == ND_KSERVICE_HEADLESS)
			give_slice(&g, slice);
		else
			give_addresses(&g, s);
	}
	return found;
}

static void servers(const void *self, bool headless, const struct nd_offer_targets *to)
{
	const struct nd_kconf *c = self;
	struct nd_offer_target own = { .key = nd_name_root };
	bool found = false;

	for (size_t i = 0; i < c->nlocal; i++)
		found = give_before(c, &c->local[i], headless, to) || found;
	for (size_t i = 0; i < c->nlocal && !found; i++) {
		own.ip_len = c->local[i].len;
		memcpy(own.ip, c->local[i].bytes, own.ip_len);
		to->put(to->ctx, &own);
	}
}

/* --- the whole zone --- */

struct walking {
	struct nd_name zone;
	bool headless;
	const struct nd_offer_targets *to;
};

static void on_name(void *ctx, struct nd_kcursor *c, const struct nd_kname *of)
{
	const struct walking *w = ctx;
	const struct nd_kservice *s = nd_rcu_get(of->service);
	struct nd_kfind f = { .kind = ND_KFIND_NONE };
	struct giving g;

	if (!s || !begin(&g, of, w->zone, w->to))
		return;
	g.cursor = c;
	(void)give_service(&g, s, w->headless, &f);
}

static bool walk(const void *self, struct nd_name zone, bool headless, struct nd_offer_cursor *at,
		 const struct nd_offer_targets *to)
{
	const struct nd_kconf *c = self;
	struct walking w = { .zone = zone, .headless = headless, .to = to };
	struct nd_kcursor cursor = {
		.at = at, .visit = on_name, .visit_ctx = &w, .full = to->full, .full_ctx = to->ctx
	};

	return nd_kcursor_walk(&cursor, &c->index->scope[ND_KSCOPE_CLUSTER].names);
}

static uint32_t serial(const void *self)
{
	const struct nd_kconf *c = self;
	return nd_rcu_get(c->index->modified_outside);
}

static uint32_t ttl(const void *self)
{
	const struct nd_kconf *c = self;
	return c->ttl;
}

const struct nd_offer_external nd_kexternal = {
	.find = find,
	.reverse = reverse,
	.servers = servers,
	.walk = walk,
	.serial = serial,
	.ttl = ttl,
};
