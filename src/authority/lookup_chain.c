/* SPDX-License-Identifier: Apache-2.0 */
/* lookup_chain.c - CNAME and DNAME: targets in the zone, referrals, and lookups in the server. */
#include "authority/lookup_parts.h"

/* The answer ends in the zone. */
static enum nd_verdict finish(struct nd_lookup *l)
{
	nd_lookup_put_apex(l, ND_SECTION_AUTHORITY, ND_TYPE_NS);
	nd_lookup_put_additional(l);
	return ND_DONE;
}

/* Is there a cut between the apex and the name, or at it? The DS of a cut is the parent's. */
static bool find_cut(const struct nd_lookup *l, struct nd_name target, struct nd_tree_node *out)
{
	unsigned apex = l->t->origin.labels;

	for (unsigned n = apex + 1; n <= target.labels; n++) {
		struct nd_name name = nd_name_parent(target, target.labels - n);
		if (!nd_tree_find(l->t, name, out) || !(out->flags & ND_TREE_CUT))
			continue;
		if (n < target.labels || l->type != ND_TYPE_DS)
			return true;
	}
	return false;
}

/* These sets are kept apart in CoreDNS, so it looks them up in the server. */
static bool is_apart(const struct nd_lookup *l, struct nd_name target)
{
	return l->type == ND_TYPE_NS ||
	       (l->type == ND_TYPE_SOA && nd_name_same(target, l->t->origin));
}

static enum nd_verdict ask_server(struct nd_lookup *l, struct nd_name target)
{
	return nd_query_ask(l->q, target, l->type, ND_ASK_SITE, l->done);
}

static struct nd_name first_target(const struct nd_tree_node *node)
{
	struct nd_tree_set set = nd_tree_set(node, ND_TYPE_CNAME);
	struct nd_tree_rr rr;

	return nd_tree_next(&set, &rr) ? nd_name_view(rr.rdata) : nd_name_root;
}

/* target is lower case. */
static enum nd_verdict chase(struct nd_lookup *l, struct nd_name target)
{
	struct nd_name_buf buf;
	struct nd_tree_node node;

	for (unsigned i = 0;; i++) {
		struct nd_tree_node cut;
		if (find_cut(l, target, &cut)) {
			nd_lookup_put_referral(l, &cut);
			return ND_DONE;
		}
		if (!nd_tree_find(l->t, target, &node) || !node.sets || is_apart(l, target))
			return ask_server(l, target);
		if (i == ND_LOOKUP_CHAIN_MAX)
			return finish(l);
		struct nd_tree_set set = nd_tree_set(&node, ND_TYPE_CNAME);
		if (!nd_tree_has(&set))
			break;
		struct nd_name owner = nd_tree_owner(l->t, &node, &buf);
		target = first_target(&node);
		if (nd_name_same(owner, target))
			return nd_query_fail(l->q, ND_RCODE_SERVFAIL, NULL);
		nd_lookup_put(l, ND_SECTION_ANSWER, owner, &node, ND_TYPE_CNAME);
	}
	nd_lookup_put_node(l, ND_SECTION_ANSWER, &node, l->type);
	return finish(l);
}

enum nd_verdict nd_lookup_follow(struct nd_lookup *l, const struct nd_tree_node *node,
				 struct nd_name owner)
{
	struct nd_tree_set set = nd_tree_set(node, ND_TYPE_CNAME);
	struct nd_name_buf buf;
	struct nd_tree_rr rr;

	while (nd_tree_next(&set, &rr))
		nd_lookup_put_rr(l, ND_SECTION_ANSWER, owner, ND_TYPE_CNAME, &rr);
	/* As in CoreDNS: of a wildcard under its own name. */
	nd_lookup_put_signatures(l, ND_SECTION_ANSWER, nd_tree_owner(l->t, node, &buf), node,
				 ND_TYPE_CNAME);
	return chase(l, first_target(node));
}

/* RFC 6672 s2.2. False: the name would be too long. */
static bool substitute(const struct nd_lookup *l, const struct nd_tree_node *node,
		       struct nd_name target, struct nd_name_buf *buf, struct nd_name *out)
{
	size_t head = (size_t)l->name.len - l->t->origin.len - node->n; /* before the owner */

	if (head + target.len > ND_NAME_MAX)
		return false;
	memcpy(buf->bytes, l->name.wire, head);
	memcpy(buf->bytes + head, target.wire, target.len);
	*out = nd_name_view(buf->bytes);
	return true;
}

enum nd_verdict nd_lookup_dname(struct nd_lookup *l, const struct nd_tree_node *node)
{
	struct nd_tree_set set = nd_tree_set(node, ND_TYPE_DNAME);
	struct nd_name_buf made_buf, lower_buf, owner_buf;
	struct nd_name made, lower;
	struct nd_tree_rr rr;

	nd_lookup_put_node(l, ND_SECTION_ANSWER, node, ND_TYPE_DNAME);
	nd_tree_next(&set, &rr);
	if (!substitute(l, node, nd_name_view(rr.rdata), &made_buf, &made)) {
		l->q->rcode = ND_RCODE_YXDOMAIN;
		return ND_DONE;
	}
	lower = nd_name_copy(made, &lower_buf);
	nd_name_lower(lower_buf.bytes, lower.len);
	if (nd_name_same(lower, l->name))
		return nd_query_fail(l->q, ND_RCODE_SERVFAIL, NULL);
	struct nd_tree_rr cname = { .ttl = rr.ttl, .rdata = made.wire, .n = made.len };
	nd_lookup_put_rr(l, ND_SECTION_ANSWER, l->name, ND_TYPE_CNAME, &cname);
	if (l->type == ND_TYPE_CNAME) {
		nd_lookup_put_apex(l, ND_SECTION_AUTHORITY, ND_TYPE_NS);
		return ND_DONE;
	}
	nd_lookup_put_signatures(l, ND_SECTION_ANSWER, nd_tree_owner(l->t, node, &owner_buf), node,
				 ND_TYPE_CNAME); /* of another CNAME, as in CoreDNS */
	return chase(l, lower);
}

enum nd_verdict nd_lookup_target(struct nd_query *q, const struct nd_tree *t,
				 const struct nd_query *child)
{
	struct nd_lookup l = { .q = q,
			       .t = t,
			       .name = q->msg.qname,
			       .type = q->msg.qtype,
			       .dnssec = q->msg.edns.dnssec_ok };
	uint16_t rcode = child->drop ? ND_RCODE_NOERROR : child->rcode;
	bool empty = child->ans.count[ND_SECTION_ANSWER] == 0;

	q->ans.w.exact = true;
	q->ans.flags |= ND_FLAG_AA;
	if (!child->drop)
		nd_answer_append_cut(q, ND_SECTION_ANSWER, child);
	if (rcode == ND_RCODE_NXDOMAIN || rcode == ND_RCODE_SERVFAIL)
		q->rcode = rcode;
	if (!t)
		return ND_DONE;
	bool negative = rcode == ND_RCODE_NXDOMAIN ||
			(rcode == ND_RCODE_NOERROR && empty && !child->drop);
	nd_lookup_put_apex(&l, ND_SECTION_AUTHORITY, negative ? ND_TYPE_SOA : ND_TYPE_NS);
	nd_lookup_put_additional(&l);
	return ND_DONE;
}
