/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that a generation listens on, with the sites of each. */
#include <netinet/in.h>
#include <string.h>
#include "base/time.h"
#include "core/parts.h"

/* As in CoreDNS, which has no limit for a client that does not read from a TCP connection. */
static const struct nd_conn_limits default_limits = {
	.read_ns = ND_S(3), .idle_ns = ND_S(10), .write_ns = ND_S(10), .queries = -1
};

static struct nd_endpoint *find_endpoint(struct nd_gen *g, enum nd_scheme scheme,
					 const struct nd_addr *addr)
{
	for (size_t i = 0; i < g->nendpoints; i++)
		if (g->endpoints[i].scheme == scheme && nd_addr_equal(&g->endpoints[i].addr, addr))
			return &g->endpoints[i];
	return NULL;
}

static int add_endpoint(struct nd_gen *g, enum nd_scheme scheme, const struct nd_addr *addr,
			bool wildcard, struct nd_endpoint **out)
{
	char text[ND_ADDR_TEXT_MAX];
	struct nd_endpoint *e = find_endpoint(g, scheme, addr);

	if (!e) {
		e = &g->endpoints[g->nendpoints];
		e->index = (uint16_t)g->nendpoints++;
		e->scheme = scheme;
		e->addr = *addr;
		e->wildcard = wildcard;
		e->limits = default_limits;
		nd_addr_format(addr, text);
		e->label = wildcard ? nd_arena_printf(&g->arena, "%s://:%u",
						      nd_site_scheme_text[scheme],
						      nd_addr_port(addr))
				    : nd_arena_printf(&g->arena, "%s://%s",
						      nd_site_scheme_text[scheme], text);
		if (!e->label)
			return ND_ELIMIT;
	}
	*out = e;
	return 0;
}

static void set_limits(struct nd_conn_limits *of, const struct nd_conn_limits *block)
{
	of->read_ns = block->read_ns ? block->read_ns : of->read_ns;
	of->idle_ns = block->idle_ns ? block->idle_ns : of->idle_ns;
	of->write_ns = block->write_ns ? block->write_ns : of->write_ns;
	of->queries = block->queries ? block->queries : of->queries;
}

static int add_site(struct nd_gen *g, struct nd_endpoint *e, struct nd_block *b,
		    const struct nd_zone_key *key, struct nd_diag *d)
{
	/* Blocks with a filter may share a zone; of the others there is one. */
	for (size_t i = 0; i < e->nsites && !b->filter; i++)
		if (!e->sites[i]->block->filter && nd_name_same(e->sites[i]->zone, key->zone))
			return nd_diag_at(
				d, key->token->file, key->token->line,
				"cannot serve %s://%s:%u - it is already defined; merge the two "
				"blocks, or use another port",
				nd_site_scheme_text[key->scheme], key->text, key->port);
	struct nd_site *s = nd_arena_alloc(&g->arena, sizeof *s);
	struct nd_site **sites = nd_arena_array(&g->arena, e->nsites + 1, sizeof *sites);
	if (!s || !sites)
		return ND_ELIMIT;
	*s = (struct nd_site){ .zone = key->zone,
			       .zone_text = key->text,
			       .key = (uint16_t)(key - b->keys),
			       .chain = &b->chain,
			       .block = b };
	if (e->nsites)
		memcpy(sites, e->sites, e->nsites * sizeof *sites);
	sites[e->nsites++] = s;
	set_limits(&e->limits, &b->limits);
	e->sites = sites;
	return 0;
}

/* CoreDNS rejects a zone that is served on a port both on all addresses and on a given one, unless
 * the block that comes first has a filter. */
static int check_pair(const struct nd_endpoint *all, const struct nd_endpoint *one,
		      struct nd_diag *d)
{
	for (size_t s = 0; s < all->nsites; s++)
		for (size_t t = 0; t < one->nsites; t++) {
			const struct nd_site *a = all->sites[s], *b = one->sites[t];
			const struct nd_zone_key *k = &b->block->keys[b->key];
			const struct nd_block *first = a->block < b->block ? a->block : b->block;
			if (first->filter || !nd_name_same(a->zone, b->zone))
				continue;
			return nd_diag_at(d, k->token->file, k->token->line,
					  "cannot serve %s on %s - zone overlap listener capacity "
					  "with %s; use bind in both blocks or in neither",
					  b->zone_text, one->label, all->label);
		}
	return 0;
}

static int check_overlap(struct nd_gen *g, struct nd_diag *d)
{
	int err = 0;

	for (size_t i = 0; i < g->nendpoints; i++) {
		const struct nd_endpoint *all = &g->endpoints[i];
		for (size_t j = 0; all->wildcard && j < g->nendpoints && !err; j++) {
			const struct nd_endpoint *one = &g->endpoints[j];
			if (!one->wildcard && nd_addr_port(&one->addr) == nd_addr_port(&all->addr))
				err = check_pair(all, one, d);
		}
	}
	return err;
}

/* --- what an endpoint listens on --- */

static const uint8_t any[16];

static struct nd_addr any_address(int family, uint16_t port)
{
	return nd_addr_from(family, any, port);
}

static void add_listen(struct nd_listen *to, struct nd_endpoint *e, struct nd_addr addr,
		       bool optional)
{
	to[e->nlisten++] = (struct nd_listen){ addr, optional };
}

/* All addresses: those that no other endpoint has. */
static void add_all(struct nd_gen *g, struct nd_endpoint *e, struct nd_listen *to)
{
	uint16_t port = nd_addr_port(&e->addr);
	int family = e->addr.sa.sa_family, other = family == AF_INET ? AF_INET6 : AF_INET;
	struct nd_addr rest = any_address(other, port);
	bool both = !find_endpoint(g, e->scheme, &rest);

	if (both)
		add_listen(to, e, rest, !e->wildcard);
	for (size_t i = 0; i < g->process->nexact; i++) {
		struct nd_addr a = g->process->exact[i];
		if (nd_addr_port(&a) == port && (both || a.sa.sa_family == family) &&
		    !find_endpoint(g, e->scheme, &a))
			add_listen(to, e, a, true);
	}
}

static int make_listen(struct nd_gen *g, struct nd_endpoint *e)
{
	struct nd_listen *to = nd_arena_array(&g->arena, 2 + g->process->nexact, sizeof *to);

	if (!to)
		return ND_ELIMIT;
	e->listen = to;
	add_listen(to, e, e->addr, e->wildcard);
	if (nd_addr_is_any(&e->addr))
		add_all(g, e, to);
	return 0;
}

int nd_gen_make_endpoints(struct nd_gen *g, struct nd_diag *d)
{
	size_t max = 0;
	int err;

	for (size_t i = 0; i < g->nblocks; i++)
		max += g->blocks[i].nkeys * (g->blocks[i].nbind + 1);
	g->endpoints = nd_arena_array(&g->arena, max + 1, sizeof *g->endpoints);
	if (!g->endpoints)
		return ND_ELIMIT;
	for (size_t i = 0; i < g->nblocks; i++) {
		struct nd_block *b = &g->blocks[i];
		for (size_t k = 0; k < b->nkeys; k++) {
			size_t n = b->nbind ? b->nbind : 1;
			for (size_t a = 0; a < n; a++) {
				struct nd_addr addr = any_address(AF_INET6, b->keys[k].port);
				struct nd_endpoint *e;
				if (b->nbind) {
					addr = b->bind[a];
					nd_addr_set_port(&addr, b->keys[k].port);
				}
				err = add_endpoint(g, b->keys[k].scheme, &addr, !b->nbind, &e);
				if (!err)
					err = add_site(g, e, b, &b->keys[k], d);
				if (err)
					return err;
			}
		}
	}
	for (size_t i = 0; i < g->nendpoints; i++) {
		err = nd_site_index(&g->endpoints[i], &g->arena);
		if (!err)
			err = make_listen(g, &g->endpoints[i]);
		if (err)
			return err;
	}
	return check_overlap(g, d);
}
