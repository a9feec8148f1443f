/* SPDX-License-Identifier: Apache-2.0 */
/* iptables_rule.h - a rule as iptables-nft writes it, read back. */
#pragma once

#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_iptables_verdict { ND_IPTABLES_NONE, ND_IPTABLES_NOTRACK, ND_IPTABLES_ACCEPT };

/* What it matches; zero: anything. */
struct nd_iptables_rule {
	uint8_t source[16], dest[16];
	uint8_t nsource, ndest; /* octets of them: 0, 4 or 16 */
	uint8_t proto;
	uint16_t source_port, dest_port;
	enum nd_iptables_verdict verdict;
};

/* False: it matches, or does, anything that the struct cannot say. Comments and counters say
 * nothing. Port and verdict may be iptables' own extensions (before 1.8.9) or nftables'
 * expressions. */
bool nd_iptables_rule_read(const struct nftnl_rule *r, struct nd_iptables_rule *out);
