/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kanswer.h"

#include <string.h>
#include "base/rcu.h"
#include "core/query.h"
#include "plugin/kubernetes/kapex.h"
#include "plugin/kubernetes/kdedup.h"

static uint16_t type_of(size_t ip_len)
{
	return ip_len == 4 ? ND_TYPE_A : ND_TYPE_AAAA;
}

static uint8_t len_of(uint16_t qtype)
{
	return qtype == ND_TYPE_A ? 4 : 16;
}

/* Takes one step of a walk. False: the walk ends. */
static bool take_step(unsigned *left)
{
	*left -= *left > 0;
	return *left > 0;
}

/* Upper limit of the addresses in a group. */
static size_t group_size(const struct nd_kgroup *g)
{
	size_t n = 0;

	for (uint32_t i = 0; g && i < g->n; i++) {
		const struct nd_kslice *s = nd_rcu_get(g->slice[i]);
		n += s ? (size_t)s->n4 + s->n6 : 0;
	}
	return n;
}

/* --- A, AAAA --- */

/* Unless the answer has it already. */
static int add_once(const struct nd_answer_set *set, struct nd_kdedup *seen, const uint8_t *ip)
{
	struct nd_kdedup_key key = { .section = ND_SECTION_ANSWER, .bytes = ip, .n = set->size };

	return nd_kdedup_seen(seen, set->q, &key) ? 0 : nd_answer_set_add(set, ip, 0, 1);
}

static int add_service(const struct nd_answer_set *set, const struct nd_kservice *s)
{
	const struct nd_kip *ip = nd_kobject_ips(s);
	struct nd_kdedup seen;
	int err = 0;

	if (s->nips == 1)
		return ip->len == set->size ? nd_answer_set_add(set, ip->bytes, 0, 1) : 0;
	nd_kdedup_init(&seen, true, s->nips);
	for (uint8_t i = 0; i < s->nips && !err; i++)
		if (ip[i].len == set->size)
			err = add_once(set, &seen, ip[i].bytes);
	return err;
}

static int add_chosen(const struct nd_answer_set *set, const struct nd_kfind *f)
{
	struct nd_kfind_iter it = nd_kfind_endpoints(f);
	struct nd_kendpoint e;
	struct nd_kdedup seen;
	int err = 0;

	bool repeats = nd_rcu_get(f->group->repeats);

	nd_kdedup_init(&seen, repeats, repeats ? group_size(f->group) : 0);
	for (unsigned left = ND_KANSWER_STEPS_MAX;
	     !err && take_step(&left) && nd_kfind_next(&it, &e);)
		if (e.ip_len == set->size)
			err = add_once(set, &seen, e.ip);
	return err;
}

static int add_slice(const struct nd_answer_set *set, const struct nd_kslice *s)
{
	if (set->size == 4)
		return nd_answer_set_add(set, nd_kobject_v4(s)->ip, sizeof(struct nd_kend4), s->n4);
	return nd_answer_set_add(set, nd_kobject_v6(s)->ip, sizeof(struct nd_kend6), s->n6);
}

/* Usually the query names neither an endpoint nor a topology zone, and no address occurs twice. */
static int add_endpoints(const struct nd_answer_set *set, const struct nd_kfind *f)
{
	struct nd_kfind_iter it = nd_kfind_endpoints(f);
	int err = 0;

	if (nd_rcu_get(f->group->repeats) || nd_kfind_chooses(f))
		return add_chosen(set, f);
	while (!err && nd_kfind_next_slice(&it))
		err = add_slice(set, it.slice);
	return err;
}

int nd_kanswer_addresses(const struct nd_kconf *c, struct nd_query *q, const struct nd_kfind *f,
			 struct nd_name zone, struct nd_name owner, uint16_t qtype)
{
	struct nd_answer_set set = {
		.q = q, .owner = owner, .ttl = c->ttl, .type = qtype, .size = len_of(qtype)
	};

	switch (f->kind) {
	case ND_KFIND_NS: return nd_kapex_addresses(c, q, zone, owner, qtype);
	case ND_KFIND_SERVICE: return add_service(&set, f->service);
	case ND_KFIND_ENDPOINTS: return add_endpoints(&set, f);
	case ND_KFIND_POD:
		return f->pod.len == set.size ? nd_answer_set_add(&set, f->pod.bytes, 0, 1) : 0;
	default: return 0;
	}
}

bool nd_kanswer_has_addresses(const struct nd_kconf *c, struct nd_query *q,
			      const struct nd_kfind *f, struct nd_name zone, uint16_t qtype)
{
	unsigned left = ND_KANSWER_STEPS_MAX;
	struct nd_kfind_iter it;
	struct nd_kendpoint e;

	switch (f->kind) {
	case ND_KFIND_SERVICE:
		for (uint8_t i = 0; i < f->service->nips; i++)
			if (nd_kobject_ips(f->service)[i].len == len_of(qtype))
				return true;
		return false;
	case ND_KFIND_ENDPOINTS:
		it = nd_kfind_endpoints(f);
		while (take_step(&left) && nd_kfind_next(&it, &e))
			if (e.ip_len == len_of(qtype))
				return true;
		return false;
	case ND_KFIND_POD: return f->pod.len == len_of(qtype);
	case ND_KFIND_NS: return nd_kapex_has_address(c, q, zone, qtype);
	default: return false;
	}
}

int nd_kanswer_cname(const struct nd_kconf *c, struct nd_query *q, struct nd_name owner,
		     const struct nd_kservice *s)
{
	q->ans.w.exact = true; /* the target keeps the Service's case */
	return nd_answer_rr(q, ND_SECTION_ANSWER, owner, ND_TYPE_CNAME, ND_CLASS_IN, c->ttl,
			    nd_kobject_target(s), s->target_len);
}

/* --- SRV --- */

struct srv {
	const struct nd_kconf *conf;
	struct nd_query *q;
	const struct nd_kfind *find;
	struct nd_name_buf base_buf;
	struct nd_name base; /* SERVICE.NS.svc.ZONE */
	uint16_t weight;
	struct nd_kdedup seen;
	const uint8_t *cluster;        /* of the current endpoint, if its name includes it */
	uint16_t at;                   /* the record whose target the last address belonged to */
	unsigned left;                 /* of ND_KANSWER_STEPS_MAX */
	const struct nd_kslice *slice; /* of the last endpoint; */
	bool numbered;                 /* any_number() of it */
};

enum { TARGETS_LOOKED_AT = 64 };

/* 100 divided evenly, rounded down, at least 1; in floating point, as in CoreDNS (plugin.SRV). */
static uint16_t weight_of(size_t n)
{
	double w = 100.0 / (double)(100 * n) * 100.0;
	return w < 1 ? 1 : (uint16_t)w;
}

static int init_srv(struct srv *s, struct nd_name zone)
{
	const struct nd_kname *of = s->find->name;
	struct nd_name_buf a, b;
	struct nd_name name;
	int err = nd_name_prepend("svc", 3, zone, &a, &name);

	if (!err)
		err = nd_name_prepend(of->ns->node.name, of->ns->node.len, name, &b, &name);
	if (!err)
		err = nd_name_prepend(of->node.name, of->node.len, name, &s->base_buf, &s->base);
	return err;
}

static int add_srv(struct srv *s, struct nd_name target, const uint8_t *label, int32_t number)
{
	uint8_t rdata[ND_RR_SRV_MAX];
	struct nd_kdedup_key key = { .section = ND_SECTION_ANSWER,
				     .label = label,
				     .cluster = s->cluster,
				     .bytes = rdata + 4, /* the port */
				     .n = 2 };

	if (number < 0)
		return 0; /* no ports: the Service has an address but no SRV record */
	size_t n = nd_rr_write_srv(rdata, 0, s->weight, (uint16_t)number, target);
	if (nd_kdedup_seen(&s->seen, s->q, &key))
		return 0;
	return nd_answer_add(s->q, ND_SECTION_ANSWER, ND_TYPE_SRV, s->conf->ttl, rdata, n);
}

/* The target as written in an SRV record, so compression can point at it, as in CoreDNS. Addresses
 * come in the order of the SRV records, except for those of an earlier target. */
static struct nd_name as_written(struct srv *s, struct nd_name target)
{
	const struct nd_answer *a = &s->q->ans;

	for (unsigned i = 0; i < TARGETS_LOOKED_AT && i < a->count[0]; i++) {
		unsigned at = (s->at + i) % a->count[0];
		struct nd_name there = target;
		there.wire = a->w.base + a->record[at].rdata + 6;
		if (a->record[at].rdata_len != 6 + target.len ||
		    memcmp(there.wire, target.wire, target.len) != 0)
			continue;
		if (at > s->at)
			s->at = (uint16_t)at;
		return there;
	}
	return target;
}

static int add_extra(struct srv *s, struct nd_name target, const uint8_t *label, const uint8_t *ip,
		     size_t n)
{
	struct nd_kdedup_key key = { .section = ND_SECTION_ADDITIONAL,
				     .label = label,
				     .cluster = s->cluster,
				     .bytes = ip,
				     .n = n };

	if (nd_kdedup_seen(&s->seen, s->q, &key))
		return 0;
	return nd_answer_rr(s->q, ND_SECTION_ADDITIONAL, as_written(s, target), type_of(n),
			    ND_CLASS_IN, s->conf->ttl, ip, n);
}

/* Does a port with a number match? The placeholder for "no ports" has none. */
static bool any_number(const struct nd_krequest *r, const struct nd_kport *p, size_t n,
		       const uint8_t *text)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].port >= 0 && nd_kfind_port_matches(r, &p[i], text))
			return true;
	return false;
}

static size_t count_ports(const struct nd_krequest *r, const struct nd_kport *p, size_t n,
			  const uint8_t *text)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += nd_kfind_port_matches(r, &p[i], text);
	return count;
}

static int srv_of_service(struct srv *s)
{
	const struct nd_kservice *v = s->find->service;
	const struct nd_krequest *r = &s->find->request;
	const uint8_t *text = nd_kobject_service_text(v);
	size_t n = count_ports(r, v->port, v->nports, text) * v->nips;
	int err = 0;

	if (v->nips == 0)
		return 0;
	s->weight = weight_of(n);
	nd_kdedup_init(&s->seen, n > 1, n + v->nips);
	for (uint32_t i = 0; i < v->nports && !err; i++)
		if (nd_kfind_port_matches(r, &v->port[i], text))
			err = add_srv(s, s->base, s->base.wire, v->port[i].port);
	for (uint8_t i = 0; i < v->nips && !err && any_number(r, v->port, v->nports, text); i++)
		err = add_extra(s, s->base, s->base.wire, nd_kobject_ips(v)[i].bytes,
				nd_kobject_ips(v)[i].len);
	return err;
}

static size_t count_endpoints(const struct nd_kfind *f)
{
	struct nd_kfind_iter it = nd_kfind_endpoints(f);
	const struct nd_kslice *last = NULL;
	struct nd_kendpoint e;
	size_t n = 0, ports = 0;

	for (unsigned left = ND_KANSWER_STEPS_MAX; take_step(&left) && nd_kfind_next(&it, &e);) {
		if (it.slice != last)
			ports = count_ports(&f->request, it.slice->port, it.slice->nports,
					    nd_kobject_slice_text(it.slice));
		last = it.slice;
		n += ports;
	}
	return n;
}

/* ENDPOINT.SERVICE..., or ENDPOINT.CLUSTER.SERVICE... in a multicluster zone. */
static int target_of(const struct srv *s, const uint8_t *label, struct nd_name_buf *buf,
		     struct nd_name *out)
{
	struct nd_name_buf middle;
	struct nd_name name = s->base;
	int err = 0;

	if (s->cluster)
		err = nd_name_prepend(s->cluster + 1, s->cluster[0], s->base, &middle, &name);
	return err ? err : nd_name_prepend(label + 1, label[0], name, buf, out);
}

/* Adds the records of one endpoint to the answer or the additional section. */
static int add_endpoint(struct srv *s, const struct nd_kslice *slice, const struct nd_kendpoint *e,
			enum nd_section section)
{
	const struct nd_krequest *r = &s->find->request;
	const uint8_t *text = nd_kobject_slice_text(slice);
	uint8_t made[ND_KOBJECT_LABEL_MAX];
	const uint8_t *label = nd_kfind_label(slice, e, made);
	struct nd_name_buf buf;
	struct nd_name target;
	int err = 0;

	s->cluster = s->find->multi && text[slice->cluster] ? text + slice->cluster : NULL;
	if (target_of(s, label, &buf, &target))
		return 0; /* longer than a name can be */
	if (slice != s->slice)
		s->numbered = any_number(r, slice->port, slice->nports, text);
	s->slice = slice;
	if (section == ND_SECTION_ADDITIONAL)
		return s->numbered ? add_extra(s, target, label, e->ip, e->ip_len) : 0;
	for (uint32_t i = 0; i < slice->nports && !err && take_step(&s->left); i++)
		if (nd_kfind_port_matches(r, &slice->port[i], text))
			err = add_srv(s, target, label, slice->port[i].port);
	return err;
}

static int srv_of_endpoints(struct srv *s)
{
	size_t n = count_endpoints(s->find);
	int err = 0;

	s->weight = weight_of(n);
	nd_kdedup_init(&s->seen, nd_rcu_get(s->find->group->repeats), 2 * n);
	for (int pass = 0; pass < 2; pass++) {
		struct nd_kfind_iter it = nd_kfind_endpoints(s->find);
		struct nd_kendpoint e;
		s->left = ND_KANSWER_STEPS_MAX;
		while (!err && take_step(&s->left) && nd_kfind_next(&it, &e))
			err = add_endpoint(s, it.slice, &e,
					   pass ? ND_SECTION_ADDITIONAL : ND_SECTION_ANSWER);
	}
	return err;
}

/* A pod has no ports: CoreDNS answers with port 0 and the pod's own name. */
static int srv_of_pod(struct srv *s, struct nd_name zone)
{
	const struct nd_krequest *r = &s->find->request;
	const struct nd_kip *ip = &s->find->pod;
	struct nd_name_buf a, b;
	struct nd_name name;

	if (nd_name_prepend("pod", 3, zone, &a, &name) ||
	    nd_name_prepend(r->namespace.at, r->namespace.n, name, &b, &name) ||
	    nd_name_prepend(r->service.at, r->service.n, name, &a, &name))
		return 0;
	s->weight = weight_of(s->find->npods);
	nd_kdedup_init(&s->seen, false, 0);
	int err = add_srv(s, name, name.wire, 0);
	return err ? err : add_extra(s, name, name.wire, ip->bytes, ip->len);
}

int nd_kanswer_srv(const struct nd_kconf *c, struct nd_query *q, const struct nd_kfind *f,
		   struct nd_name zone)
{
	struct srv s;

	s.conf = c;
	s.q = q;
	s.find = f;
	s.cluster = NULL;
	s.at = 0;
	/* Targets and their addresses keep the Service's case, whatever the query's is. */
	q->ans.w.exact = true;
	if (f->kind == ND_KFIND_POD)
		return srv_of_pod(&s, zone);
	if (f->kind != ND_KFIND_SERVICE && f->kind != ND_KFIND_ENDPOINTS)
		return 0;
	if (init_srv(&s, zone))
		return 0;
	return f->kind == ND_KFIND_SERVICE ? srv_of_service(&s) : srv_of_endpoints(&s);
}
