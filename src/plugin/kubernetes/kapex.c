/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kapex.h"

#include <string.h>
#include "base/rcu.h"
#include "core/query.h"
#include "plugin/kubernetes/kfind.h"

enum { SERVERS_MAX = 512, NUMBERS = 20 };

struct server {
	struct nd_name_buf buf;
	struct nd_name name;
	uint8_t ip[16], ip_len;
};

struct servers {
	struct nd_query *q;
	struct nd_name zone; /* in the query's case */
	struct server *list; /* NULL: only counting */
	size_t n, max;
	bool found; /* some slice contains one of our addresses */
};

uint32_t nd_kapex_serial(const struct nd_kconf *c, struct nd_name zone)
{
	enum nd_kscope scope = nd_kconf_is_multi(c, zone) ? ND_KSCOPE_CLUSTERSET
							  : ND_KSCOPE_CLUSTER;

	return nd_rcu_get(c->index->modified[scope]);
}

/* Serial, refresh, retry, expire, minimum, with CoreDNS's values. */
static void put_numbers(uint8_t *p, uint32_t serial, uint32_t ttl)
{
	nd_writer_put32(p, serial);
	nd_writer_put32(p + 4, 7200);
	nd_writer_put32(p + 8, 1800);
	nd_writer_put32(p + 12, 86400);
	nd_writer_put32(p + 16, ttl);
}

size_t nd_kapex_soa_data(const struct nd_kconf *c, struct nd_name zone, uint32_t serial,
			 uint8_t out[ND_KAPEX_SOA_MAX])
{
	struct nd_writer w = nd_writer_over(out, ND_KAPEX_SOA_MAX);

	nd_writer_bytes(&w, "\2ns\3dns", 7);
	nd_writer_bytes(&w, zone.wire, zone.len);
	nd_writer_bytes(&w, "\12hostmaster", 11);
	nd_writer_bytes(&w, zone.wire, zone.len);
	put_numbers(nd_writer_take(&w, NUMBERS), serial, c->ttl);
	return w.pos;
}

uint32_t nd_kapex_soa_ttl(const struct nd_kconf *c)
{
	return c->ttl < 300 ? c->ttl : 300;
}

/* Part of every negative answer. Its names are compression pointers to the zone in the question. */
int nd_kapex_soa(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
		 enum nd_section section)
{
	uint8_t p[7 + 2 + 11 + 2 + NUMBERS];
	uint16_t to = (uint16_t)(0xc000 | (zone.wire - q->ans.w.base));

	memcpy(p, "\2ns\3dns", 7);
	nd_writer_put16(p + 7, to);
	memcpy(p + 9, "\12hostmaster", 11);
	nd_writer_put16(p + 20, to);
	put_numbers(p + 22, nd_kapex_serial(c, zone), c->ttl);
	return nd_answer_as_is(q, section, zone, ND_TYPE_SOA, nd_kapex_soa_ttl(c), p, sizeof p);
}

/* Adds a server name and address unless already present. label NULL: the Service's own name. */
static void add_server(struct servers *s, const struct nd_kname *of, const uint8_t *label,
		       const uint8_t *ip, uint8_t ip_len)
{
	struct nd_name_buf a, b;
	struct nd_name name = s->zone;

	if (!s->list) {
		s->n++;
		return;
	}
	if (s->n == s->max)
		return; /* added between the two passes, or over the limit */
	if (!of) {
		if (nd_name_prepend("dns", 3, s->zone, &a, &name) ||
		    nd_name_prepend("ns", 2, name, &b, &name))
			return;
	} else if (nd_name_prepend("svc", 3, s->zone, &a, &name) ||
		   nd_name_prepend(of->ns->node.name, of->ns->node.len, name, &b, &name) ||
		   nd_name_prepend(of->node.name, of->node.len, name, &a, &name) ||
		   (label && nd_name_prepend(label + 1, label[0], name, &b, &name))) {
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].ip_len == ip_len && memcmp(s->list[i].ip, ip, ip_len) == 0 &&
		    nd_name_equal(s->list[i].name, name))
			return;
	struct server *to = &s->list[s->n++];
	to->name = nd_name_copy(name, &to->buf);
	to->ip_len = ip_len;
	memcpy(to->ip, ip, ip_len);
}

static void add_slice(struct servers *s, const struct nd_kname *of, const struct nd_kslice *slice)
{
	uint8_t label[ND_KOBJECT_LABEL_MAX];

	for (uint32_t i = 0; i < slice->n4; i++) {
		const struct nd_kend4 *e = &nd_kobject_v4(slice)[i];
		struct nd_kendpoint at = { .ip = e->ip, .ip_len = 4, .name = e->name };
		add_server(s, of, nd_kfind_label(slice, &at, label), e->ip, 4);
	}
	for (uint32_t i = 0; i < slice->n6; i++) {
		const struct nd_kend6 *e = &nd_kobject_v6(slice)[i];
		struct nd_kendpoint at = { .ip = e->ip, .ip_len = 16, .name = e->name };
		add_server(s, of, nd_kfind_label(slice, &at, label), e->ip, 16);
	}
}

/* Adds the Services that have this server as an endpoint: a headless one with its endpoints' names,
 * another with its own addresses. */
static void add_services(struct servers *s, const struct nd_kconf *c, const struct nd_kip *local)
{
	struct nd_kreverse_iter it = nd_kindex_by_endpoint_ip(c->index, local->bytes, local->len);
	const struct nd_kset *set;

	while ((set = nd_kreverse_next(&it))) {
		const struct nd_kslice *slice = nd_rcu_get(set->now);
		if (!slice || !nd_kobject_slice_has(slice, local->bytes, local->len))
			continue;
		s->found = true;
		const struct nd_kservice *service = nd_rcu_get(set->of->service);
		if (!service)
			continue;
		if (service->kind == ND_KSERVICE_HEADLESS) {
			add_slice(s, set->of, slice);
			continue;
		}
		for (uint8_t i = 0; i < service->nips; i++)
			add_server(s, set->of, NULL, nd_kobject_ips(service)[i].bytes,
				   nd_kobject_ips(service)[i].len);
	}
}

static void add_all(struct servers *s, const struct nd_kconf *c)
{
	s->n = 0;
	s->found = false;
	for (size_t i = 0; i < c->nlocal; i++)
		add_services(s, c, &c->local[i]);
	/* Not an endpoint of any Service: the server runs outside the cluster or without a
	 * Service. */
	for (size_t i = 0; i < c->nlocal && !s->found; i++)
		add_server(s, NULL, NULL, c->local[i].bytes, c->local[i].len);
}

/* Two passes, counting and writing. These queries are rare, so the list may be in the query's
 * memory. */
static int list_servers(struct servers *s, const struct nd_kconf *c)
{
	add_all(s, c);
	s->max = s->n < SERVERS_MAX ? s->n : SERVERS_MAX;
	s->n = 0;
	if (s->max == 0)
		return 0;
	s->list = nd_query_alloc(s->q, s->max * sizeof *s->list);
	if (!s->list)
		return ND_ELIMIT;
	add_all(s, c);
	return 0;
}

static uint16_t type_of(const struct server *s)
{
	return s->ip_len == 4 ? ND_TYPE_A : ND_TYPE_AAAA;
}

static bool named_before(const struct servers *s, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (nd_name_equal(s->list[i].name, s->list[at].name))
			return true;
	return false;
}

int nd_kapex_ns(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone)
{
	struct servers s = { .q = q, .zone = zone };
	int err = list_servers(&s, c);

	for (size_t i = 0; i < s.n && !err; i++)
		if (!named_before(&s, i))
			err = nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_NS, c->ttl,
					    s.list[i].name.wire, s.list[i].name.len);
	for (size_t i = 0; i < s.n && !err; i++)
		err = nd_answer_rr(q, ND_SECTION_ADDITIONAL, s.list[i].name, type_of(&s.list[i]),
				   ND_CLASS_IN, c->ttl, s.list[i].ip, s.list[i].ip_len);
	return err;
}

static bool address_before(const struct servers *s, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (s->list[i].ip_len == s->list[at].ip_len &&
		    memcmp(s->list[i].ip, s->list[at].ip, s->list[at].ip_len) == 0)
			return true;
	return false;
}

int nd_kapex_addresses(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
		       struct nd_name owner, uint16_t qtype)
{
	struct servers s = { .q = q, .zone = zone };
	int err = list_servers(&s, c);

	for (size_t i = 0; i < s.n && !err; i++)
		if (type_of(&s.list[i]) == qtype && !address_before(&s, i))
			err = nd_answer_rr(q, ND_SECTION_ANSWER, owner, qtype, ND_CLASS_IN, c->ttl,
					   s.list[i].ip, s.list[i].ip_len);
	return err;
}

bool nd_kapex_has_address(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
			  uint16_t qtype)
{
	struct servers s = { .q = q, .zone = zone };

	if (list_servers(&s, c))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (type_of(&s.list[i]) == qtype)
			return true;
	return false;
}

int nd_kapex_servers(const struct nd_kconf *c, struct nd_query *q, struct nd_name zone,
		     void (*visit)(void *ctx, struct nd_name name, const uint8_t *ip, uint8_t n,
				   bool first),
		     void *ctx)
{
	struct servers s = { .q = q, .zone = zone };
	int err = list_servers(&s, c);

	for (size_t i = 0; i < s.n && !err; i++)
		visit(ctx, s.list[i].name, s.list[i].ip, s.list[i].ip_len, !named_before(&s, i));
	return err;
}
