/* SPDX-License-Identifier: Apache-2.0 */
/* iptables.h - the iptables rules of NodeLocal DNSCache: removes its NOTRACK rules and maintains
 * its ACCEPT rules.
 *
 * NodeLocal DNSCache adds twelve rules per address to `raw` and `filter`, and leaves them when it
 * is killed. A NOTRACK that stays would break what nft.h promises: untracked packets never reach
 * kube-proxy's rules after we exit. An ACCEPT cannot move to a table of our own, since a DROP in
 * any table is final: it has to be in the chain that drops, so ours are in INPUT and OUTPUT of
 * iptables' `filter`, where these exist. A rule is recognized by its matches and its verdict, per
 * address, with any comment or none; a rule that matches anything more is not touched.
 *
 * Each family is one netlink batch, and no iptables program is needed. That covers iptables-nft;
 * rules of iptables-legacy are only detected, through /proc/net/ip_tables_names.
 *
 * Threads: control.
 * Errors:  -errno, with a diag that says what failed. A batch is applied completely or not at all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "conf/diag.h"

struct nd_iptables_config {
	const struct nd_addr *addrs;
	size_t naddrs;
	uint16_t port;        /* DNS */
	uint16_t health_port; /* 0: none */
};

struct nd_iptables_result {
	unsigned removed;    /* NOTRACK rules, and duplicate ACCEPT rules */
	unsigned added;      /* ACCEPT rules */
	bool has_legacy_raw; /* iptables-legacy has a `raw` table, which was not examined */
};

/* Removes NOTRACK rules and ensures that each ACCEPT rule exists once. Idempotent. */
int nd_iptables_install(const struct nd_iptables_config *c, struct nd_iptables_result *result,
			struct nd_diag *d);
/* Removes NOTRACK and ACCEPT rules. */
int nd_iptables_remove(const struct nd_iptables_config *c, struct nd_iptables_result *result,
		       struct nd_diag *d);
