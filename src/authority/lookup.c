/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.c - which part of a zone answers a question: a name, a wildcard, a referral, a DNAME, or a
 * denial. */
#include "authority/lookup.h"

#include "authority/lookup_parts.h"

enum hit { HIT_NAME, HIT_WILDCARD, HIT_EMPTY_WILDCARD, HIT_REFERRAL, HIT_DNAME, HIT_NONE };

struct found {
	enum hit hit;
	struct nd_tree_node node;
	bool exists; /* HIT_NONE: there are names below the question's */
};

/* The labels of a name below the origin, n bytes. */
struct below {
	const uint8_t *labels;
	size_t n;
};

static struct below below_of(const struct nd_lookup *l, struct nd_name name)
{
	return (struct below){ .labels = name.wire, .n = (size_t)name.len - l->t->origin.len };
}

/* "*" and the parent of this name. False: neither exists. */
static bool find_wildcard(const struct nd_lookup *l, struct below name, struct nd_tree_node *out)
{
	uint8_t labels[ND_NAME_MAX];
	size_t skip = 1u + *name.labels, n = name.n - skip;

	labels[0] = 1;
	labels[1] = '*';
	memcpy(labels + 2, name.labels + skip, n);
	return n + 2 + l->t->origin.len <= ND_NAME_MAX &&
	       nd_tree_find_below(l->t, labels, n + 2, out);
}

static void use_wildcard(const struct nd_lookup *l, struct below name, struct found *f)
{
	struct nd_tree_node node;

	if (!find_wildcard(l, name, &node))
		return;
	f->hit = node.sets ? HIT_WILDCARD : HIT_EMPTY_WILDCARD;
	f->node = node;
}

/* At a name with records. True: it answers. */
static bool stops_at(const struct nd_lookup *l, const struct nd_tree_node *node, bool last,
		     struct found *f)
{
	if ((node->flags & ND_TREE_DNAME) && !last)
		f->hit = HIT_DNAME;
	else if ((node->flags & ND_TREE_CUT) && !(last && l->type == ND_TYPE_DS))
		f->hit = HIT_REFERRAL;
	else if (last)
		f->hit = HIT_NAME;
	else
		return false;
	f->node = *node;
	return true;
}

/* From the apex down, label by label. A wildcard counts at the first name that does not exist, and,
 * as in CoreDNS, at the question's if that is an empty non-terminal. */
static struct found walk(const struct nd_lookup *l)
{
	unsigned levels = (unsigned)l->name.labels - l->t->origin.labels;
	struct found f = { .hit = HIT_NONE };

	for (unsigned i = 0; i <= levels; i++) {
		struct below name = below_of(l, nd_name_parent(l->name, levels - i));
		struct nd_tree_node node;
		bool exists = nd_tree_find_below(l->t, name.labels, name.n, &node);
		if (exists && node.sets) {
			if (stops_at(l, &node, i == levels, &f))
				return f;
			continue;
		}
		if (exists && i < levels)
			continue;
		f.exists = exists;
		if (i > 0)
			use_wildcard(l, name, &f);
		return f;
	}
	return f;
}

static struct found find(const struct nd_lookup *l)
{
	struct below name = below_of(l, l->name);
	struct found f = { .hit = HIT_NAME };

	if (nd_tree_find_below(l->t, name.labels, name.n, &f.node) && f.node.sets &&
	    !(f.node.flags & ND_TREE_COVERED))
		return f;
	return walk(l);
}

/* --- answers --- */

static enum nd_verdict no_data(struct nd_lookup *l, const struct nd_tree_node *node)
{
	nd_lookup_put_apex(l, ND_SECTION_AUTHORITY, ND_TYPE_SOA);
	if (l->dnssec && node)
		nd_lookup_put_node(l, ND_SECTION_AUTHORITY, node, ND_TYPE_NSEC);
	return ND_DONE;
}

/* The NSEC of the name before this one. */
static struct nd_tree_node put_denial(struct nd_lookup *l, struct below name, const uint8_t *unless)
{
	struct nd_tree_node node = { .at = NULL };

	if (nd_tree_floor(l->t, name.labels, name.n, &node) && node.at != unless)
		nd_lookup_put_node(l, ND_SECTION_AUTHORITY, &node, ND_TYPE_NSEC);
	return node;
}

/* The wildcard that could have answered does not exist either. */
static void deny_wildcard(struct nd_lookup *l, const uint8_t *unless)
{
	unsigned levels = (unsigned)l->name.labels - l->t->origin.labels;
	struct nd_tree_node node;
	uint8_t labels[ND_NAME_MAX + 2] = { 1, '*' };

	for (unsigned i = 1; i <= levels; i++) {
		struct below name = below_of(l, nd_name_parent(l->name, i));
		if (!nd_tree_find_below(l->t, name.labels, name.n, &node) || !node.sets)
			continue;
		memcpy(labels + 2, name.labels, name.n);
		put_denial(l, (struct below){ labels, name.n + 2 }, unless);
		return;
	}
}

static enum nd_verdict deny(struct nd_lookup *l, const struct found *f)
{
	if (l->fall && nd_setup_falls_through(l->fall, l->name)) {
		nd_answer_reset(l->q);
		return ND_NEXT;
	}
	if (!f->exists)
		l->q->rcode = ND_RCODE_NXDOMAIN;
	nd_lookup_put_apex(l, ND_SECTION_AUTHORITY, ND_TYPE_SOA);
	if (l->dnssec) {
		struct nd_tree_node before = put_denial(l, below_of(l, l->name), NULL);
		if (before.at && !f->exists)
			deny_wildcard(l, before.at);
	}
	return ND_DONE;
}

/* A name, or a wildcard in its place. */
static enum nd_verdict answer_from(struct nd_lookup *l, const struct nd_tree_node *node, bool wild)
{
	struct nd_tree_set set = nd_tree_set(node, l->type);

	if (l->type != ND_TYPE_CNAME) {
		struct nd_tree_set cname = nd_tree_set(node, ND_TYPE_CNAME);
		if (nd_tree_has(&cname))
			return nd_lookup_follow(l, node, l->name);
	}
	if (!nd_tree_has(&set))
		return no_data(l, node);
	nd_lookup_put(l, ND_SECTION_ANSWER, l->name, node, l->type);
	nd_lookup_put_apex(l, ND_SECTION_AUTHORITY, ND_TYPE_NS);
	if (wild && l->dnssec)
		put_denial(l, below_of(l, l->name), NULL);
	nd_lookup_put_additional(l);
	return ND_DONE;
}

static enum nd_verdict answer_apex(struct nd_lookup *l)
{
	struct nd_tree_node apex = nd_tree_apex(l->t);

	nd_lookup_put_apex(l, ND_SECTION_ANSWER, l->type);
	if (l->type == ND_TYPE_SOA)
		nd_lookup_put_apex(l, ND_SECTION_AUTHORITY, ND_TYPE_NS);
	else
		nd_lookup_put_glue(l, l->t->origin, nd_tree_set(&apex, ND_TYPE_NS));
	return ND_DONE;
}

enum nd_verdict nd_lookup_answer(struct nd_query *q, const struct nd_tree *t,
				 const struct nd_fallthrough *fall, nd_lookup_done *done)
{
	struct nd_lookup l = { .q = q,
			       .t = t,
			       .fall = fall,
			       .done = done,
			       .name = q->msg.qname,
			       .type = q->msg.qtype,
			       .dnssec = q->msg.edns.dnssec_ok };

	q->ans.flags |= ND_FLAG_AA;
	q->ans.w.exact = true; /* owners are in lower case, whatever the question's case is */
	if ((l.type == ND_TYPE_SOA || l.type == ND_TYPE_NS) && nd_name_same(l.name, t->origin))
		return answer_apex(&l);
	if (q->depth > ND_LOOKUP_NESTED_MAX)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, NULL);
	struct found f = find(&l);
	switch (f.hit) {
	case HIT_NAME: return answer_from(&l, &f.node, false);
	case HIT_WILDCARD: return answer_from(&l, &f.node, true);
	case HIT_EMPTY_WILDCARD: return no_data(&l, NULL);
	case HIT_DNAME: return nd_lookup_dname(&l, &f.node);
	case HIT_REFERRAL:
		q->ans.flags &= (uint16_t)~ND_FLAG_AA;
		nd_lookup_put_referral(&l, &f.node);
		return ND_DONE;
	default: return deny(&l, &f);
	}
}
