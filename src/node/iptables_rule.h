/* SPDX-License-Identifier: Apache-2.0 */
/* iptables_rule.h - parses a rule as iptables-nft writes it and the kernel lists it. Pure. */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_iptables_verdict { ND_IPTABLES_NONE, ND_IPTABLES_NOTRACK, ND_IPTABLES_ACCEPT };

/* The matches of a rule; zero: any. */
struct nd_iptables_rule {
	const char *table, *chain; /* in the message */
	uint64_t handle;
	uint8_t source[16], dest[16];
	uint8_t nsource, ndest; /* length in bytes: 0, 4 or 16 */
	uint8_t proto;
	uint16_t source_port, dest_port;
	enum nd_iptables_verdict verdict;
};

/* h: NFT_MSG_NEWRULE, with a struct nfgenmsg. False: the rule matches or does anything that the
 * struct cannot express. Comments and counters are ignored. Port and verdict may be extensions of
 * iptables (before 1.8.9) or nftables expressions. */
bool nd_iptables_rule_read(const struct nlmsghdr *h, struct nd_iptables_rule *out);
