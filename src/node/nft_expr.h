/* SPDX-License-Identifier: Apache-2.0 */
/* nft_expr.h - builds one nftables rule from matches and statements, as the kernel's expressions.
 *
 * They are those that nft(8) generates, so it lists them in its own syntax; the rule has a text in
 * that syntax too, for error messages. Source: linux/netfilter/nf_tables.h.
 *
 * Owns:    nothing; embedded, needs no clear. The names of table and chain are borrowed.
 * Threads: one at a time.
 * Errors:  sticky: a rule that is too long sets list.err, and later calls do nothing;
 *          nd_nft_batch_rule() returns it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "node/nlmsg.h"

enum { ND_NFT_EXPR_BYTES = 2048, ND_NFT_EXPR_TEXT = 256 };

struct nd_nft_expr {
	const char *table, *chain;
	uint8_t family; /* of the table: NFPROTO_* */
	uint8_t compat; /* iptables-nft: the protocol of the extensions; 0: none */
	struct nd_nlmsg list;
	_Alignas(struct nlmsghdr) uint8_t bytes[ND_NFT_EXPR_BYTES];
	char text[ND_NFT_EXPR_TEXT]; /* "ip daddr 10.96.0.10 udp dport 53 notrack "; may be cut */
};

enum nd_nft_end { ND_NFT_FROM, ND_NFT_TO }; /* which end of the packet: source or destination */

void nd_nft_expr_init(struct nd_nft_expr *e, uint8_t family, const char *table, const char *chain);

void nd_nft_expr_addr(struct nd_nft_expr *e, enum nd_nft_end end, const struct nd_addr *a);
/* Matches the protocol only. */
void nd_nft_expr_proto(struct nd_nft_expr *e, uint8_t proto);
void nd_nft_expr_port(struct nd_nft_expr *e, enum nd_nft_end end, uint8_t proto, uint16_t port);
/* `socket wildcard 0`: a socket is bound to exactly this address. any: `socket transparent 0`, a
 * socket receives the packet, one that is bound to the wildcard address too. */
void nd_nft_expr_socket(struct nd_nft_expr *e, bool any);
/* `fib daddr type local`: the destination is an address of this machine. */
void nd_nft_expr_local(struct nd_nft_expr *e);
/* `ct status dnat`. */
void nd_nft_expr_is_dnat(struct nd_nft_expr *e);
/* `oifname != "NAME"`. */
void nd_nft_expr_not_out(struct nd_nft_expr *e, const char *name);

/* The first packet of a TCP connection: SYN without ACK. */
void nd_nft_expr_syn(struct nd_nft_expr *e);
/* `ip saddr . tcp sport . ip daddr != @SET`; family: that of the addresses. */
void nd_nft_expr_not_in(struct nd_nft_expr *e, uint8_t family, const char *set);

/* `add @SET { ip saddr . tcp sport . ip daddr }`. The rule ends here if the set is full. */
void nd_nft_expr_add_to(struct nd_nft_expr *e, uint8_t family, const char *set);
void nd_nft_expr_notrack(struct nd_nft_expr *e);
void nd_nft_expr_masquerade(struct nd_nft_expr *e);
void nd_nft_expr_accept(struct nd_nft_expr *e);
void nd_nft_expr_counter(struct nd_nft_expr *e);
/* An extension of iptables: its name (`-m NAME`) and its struct, revision 0. */
void nd_nft_expr_match(struct nd_nft_expr *e, const char *name, const void *info, size_t n);
