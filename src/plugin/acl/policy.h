/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - one line of an acl: an action for clients of some networks that ask for some types.
 *
 * Syntax:  allow|block|filter|drop [type TYPE...] [net CIDR...], as CoreDNS reads it: both parts in
 *          any order and number; without one of them all types, all networks; "*" means all and
 *          ends its part.
 * Owns:    nothing; all is in the generation's arena.
 * Threads: read on the control thread; matched on any.
 * Errors:  ND_ECONF with a message in the diag, ND_ELIMIT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/netset.h"
#include "core/setup.h"

enum nd_policy_action {
	ND_POLICY_BLOCK,
	ND_POLICY_FILTER,
	ND_POLICY_DROP,
	ND_POLICY_COUNTED, /* how many are counted by zone */
	ND_POLICY_ALLOW = ND_POLICY_COUNTED,
	ND_POLICY_NONE, /* no policy matches */
};

struct nd_policy {
	enum nd_policy_action action;
	bool any_type, any_net;
	const uint16_t *types;
	size_t ntypes;
	struct nd_netset nets;
};

/* Reads the lines of the directive's block. */
int nd_policy_read(struct nd_setup *s, const struct nd_conf_line *directive,
		   const struct nd_policy **policies, size_t *n);
/* The action of the first policy that matches. */
enum nd_policy_action nd_policy_match(const struct nd_policy *policies, size_t n,
				      const struct nd_addr *client, uint16_t qtype);
