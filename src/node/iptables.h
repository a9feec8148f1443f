/* SPDX-License-Identifier: Apache-2.0 */
/* iptables.h - iptables rules of NodeLocal DNSCache: its NOTRACKs are taken away, its ACCEPTs are
 * kept in place.
 *
 * The original puts twelve rules an address into `raw` and `filter` and leaves them when it is
 * killed. A NOTRACK that stays would undo what nft.h promises: untracked, nothing goes to
 * kube-proxy when we are gone. An ACCEPT cannot be replaced by one in a table of ours: another
 * table's DROP has the last word, so it belongs where the dropping chain is, and only there: in
 * INPUT and OUTPUT of iptables' `filter`, where these exist. A rule is known by what it matches and
 * does, each address, with any comment or none; one that matches anything more is somebody else's.
 * All of it is one netlink batch a family and needs no iptables program, which covers iptables-nft;
 * rules of iptables-legacy are only looked for, by /proc/net/ip_tables_names.
 *
 * Threads: control.
 * Errors:  -errno, and the diag says what was wanted. Nothing is half done.
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
	unsigned removed;    /* NOTRACKs, and ACCEPTs beyond the first of their kind */
	unsigned added;      /* ACCEPTs */
	bool has_legacy_raw; /* iptables-legacy has a `raw` table: what is in it was not looked at */
};

/* NOTRACKs go, each ACCEPT is there once. Done twice it changes nothing. */
int nd_iptables_install(const struct nd_iptables_config *c, struct nd_iptables_result *result,
			struct nd_diag *d);
/* NOTRACKs and ACCEPTs go. */
int nd_iptables_remove(const struct nd_iptables_config *c, struct nd_iptables_result *result,
		       struct nd_diag *d);
