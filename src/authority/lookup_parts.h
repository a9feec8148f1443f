/* SPDX-License-Identifier: Apache-2.0 */
/* lookup_parts.h - what the lookup*.c files share. */
#pragma once

#include "authority/lookup.h"

struct nd_lookup {
	struct nd_query *q;
	const struct nd_tree *t;
	const struct nd_fallthrough *fall;
	nd_lookup_done *done;
	struct nd_name name; /* the question's, lower case */
	uint16_t type;
	bool dnssec; /* DO */
};

/* In lookup_put.c. A record that does not fit sets TC, and those after it are not written. */

/* The records of a type of the node with this owner; with DO their signatures. */
void nd_lookup_put(struct nd_lookup *l, enum nd_section section, struct nd_name owner,
		   const struct nd_tree_node *node, uint16_t type);
/* The same with the node's own name. */
void nd_lookup_put_node(struct nd_lookup *l, enum nd_section section,
			const struct nd_tree_node *node, uint16_t type);
/* With DO: the signatures over this type only. */
void nd_lookup_put_signatures(struct nd_lookup *l, enum nd_section section, struct nd_name owner,
			      const struct nd_tree_node *node, uint16_t type);
void nd_lookup_put_rr(struct nd_lookup *l, enum nd_section section, struct nd_name owner,
		      uint16_t type, const struct nd_tree_rr *rr);
/* SOA or NS of the zone. */
void nd_lookup_put_apex(struct nd_lookup *l, enum nd_section section, uint16_t type);
/* A referral: NS, with DO the DS, and glue. */
void nd_lookup_put_referral(struct nd_lookup *l, const struct nd_tree_node *cut);
/* Addresses of the servers that are below `owner`. */
void nd_lookup_put_glue(struct nd_lookup *l, struct nd_name owner, struct nd_tree_set ns);
/* Addresses of the targets in the answer section. */
void nd_lookup_put_additional(struct nd_lookup *l);

/* In lookup_chain.c. */
/* Writes the CNAMEs of node, with `owner`, and follows them. */
enum nd_verdict nd_lookup_follow(struct nd_lookup *l, const struct nd_tree_node *node,
				 struct nd_name owner);
/* Writes the DNAMEs of node and the CNAME that follows for the question; follows that. */
enum nd_verdict nd_lookup_dname(struct nd_lookup *l, const struct nd_tree_node *node);
