/* SPDX-License-Identifier: Apache-2.0 */
/* lookup_put.c - writes records of a zone to an answer. */
#include <string.h>
#include "authority/lookup_parts.h"

void nd_lookup_put_rr(struct nd_lookup *l, enum nd_section section, struct nd_name owner,
		      uint16_t type, const struct nd_tree_rr *rr)
{
	struct nd_answer *a = &l->q->ans;

	if (a->flags & ND_FLAG_TC)
		return;
	if (nd_answer_rr(l->q, section, owner, type, ND_CLASS_IN, rr->ttl, rr->rdata, rr->n))
		a->flags |= ND_FLAG_TC;
}

void nd_lookup_put_signatures(struct nd_lookup *l, enum nd_section section, struct nd_name owner,
			      const struct nd_tree_node *node, uint16_t type)
{
	struct nd_tree_set set;
	struct nd_tree_rr rr;

	if (!l->dnssec)
		return;
	set = nd_tree_set(node, ND_TYPE_RRSIG);
	while (nd_tree_next(&set, &rr))
		if (nd_reader_peek16(rr.rdata) == type)
			nd_lookup_put_rr(l, section, owner, ND_TYPE_RRSIG, &rr);
}

void nd_lookup_put(struct nd_lookup *l, enum nd_section section, struct nd_name owner,
		   const struct nd_tree_node *node, uint16_t type)
{
	struct nd_tree_set set = nd_tree_set(node, type);
	struct nd_tree_rr rr;

	while (nd_tree_next(&set, &rr))
		nd_lookup_put_rr(l, section, owner, type, &rr);
	nd_lookup_put_signatures(l, section, owner, node, type);
}

void nd_lookup_put_node(struct nd_lookup *l, enum nd_section section,
			const struct nd_tree_node *node, uint16_t type)
{
	struct nd_name_buf buf;

	nd_lookup_put(l, section, nd_tree_owner(l->t, node, &buf), node, type);
}

void nd_lookup_put_apex(struct nd_lookup *l, enum nd_section section, uint16_t type)
{
	struct nd_tree_node apex = nd_tree_apex(l->t);

	nd_lookup_put(l, section, l->t->origin, &apex, type);
}

/* --- additional --- */

static void put_addresses(struct nd_lookup *l, const struct nd_tree_node *node)
{
	nd_lookup_put_node(l, ND_SECTION_ADDITIONAL, node, ND_TYPE_A);
	nd_lookup_put_node(l, ND_SECTION_ADDITIONAL, node, ND_TYPE_AAAA);
}

void nd_lookup_put_glue(struct nd_lookup *l, struct nd_name owner, struct nd_tree_set ns)
{
	struct nd_tree_node node;
	struct nd_tree_rr rr;

	while (nd_tree_next(&ns, &rr)) {
		struct nd_name server = nd_name_view(rr.rdata);
		if (nd_name_under_lower(server, owner) && nd_tree_find(l->t, server, &node))
			put_addresses(l, &node);
	}
}

void nd_lookup_put_referral(struct nd_lookup *l, const struct nd_tree_node *cut)
{
	struct nd_name_buf buf;
	struct nd_name owner = nd_tree_owner(l->t, cut, &buf);
	struct nd_tree_set ns = nd_tree_set(cut, ND_TYPE_NS), servers = ns;
	struct nd_tree_rr rr;

	while (nd_tree_next(&ns, &rr))
		nd_lookup_put_rr(l, ND_SECTION_AUTHORITY, owner, ND_TYPE_NS, &rr);
	if (l->dnssec)
		nd_lookup_put(l, ND_SECTION_AUTHORITY, owner, cut, ND_TYPE_DS);
	nd_lookup_put_glue(l, owner, servers);
}

/* The nodes whose addresses were written: a hash table on the stack. */
struct seen {
	const uint8_t *at[2 * ND_LOOKUP_TARGETS_MAX];
	unsigned n;
};

/* False: it was there, or the table is full. */
static bool note(struct seen *s, const uint8_t *at)
{
	size_t i = (size_t)((uintptr_t)at * 0x9e3779b97f4a7c15u >> 32) % ND_COUNT(s->at);

	for (; s->at[i]; i = (i + 1) % ND_COUNT(s->at))
		if (s->at[i] == at)
			return false;
	if (s->n == ND_LOOKUP_TARGETS_MAX)
		return false;
	s->at[i] = at;
	s->n++;
	return true;
}

/* Bytes of the rdata before the target; 0: the type has none. */
static size_t target_at(uint16_t type)
{
	switch (type) {
	case ND_TYPE_SRV: return ND_RR_SRV_TARGET;
	case ND_TYPE_MX:
	case ND_TYPE_SVCB:
	case ND_TYPE_HTTPS: return 2;
	default: return 0;
	}
}

static bool read_target(const struct nd_answer *a, const struct nd_record *r,
			struct nd_name_buf *buf, struct nd_name *target)
{
	size_t at = target_at(r->type);
	struct nd_reader reader = nd_reader_over(a->w.base, (size_t)r->rdata + r->rdata_len);

	if (!at || at >= r->rdata_len)
		return false;
	reader.pos += r->rdata + at;
	return nd_name_read(&reader, true, buf, target) == 0;
}

void nd_lookup_put_additional(struct nd_lookup *l)
{
	struct nd_answer *a = &l->q->ans;
	struct seen seen;
	bool any = false;

	for (uint16_t i = 0, n = a->count[ND_SECTION_ANSWER]; i < n; i++) {
		struct nd_name_buf buf;
		struct nd_name target;
		struct nd_tree_node node;
		if (!read_target(a, &a->record[i], &buf, &target) ||
		    !nd_name_under_lower(target, l->t->origin) ||
		    !nd_tree_find(l->t, target, &node))
			continue;
		if (!any)
			memset(&seen, 0, sizeof seen);
		any = true;
		if (note(&seen, node.at))
			put_addresses(l, &node);
	}
}
