/* SPDX-License-Identifier: Apache-2.0 */
/* nft.h - interception: an nftables table that the kernel removes when our netlink socket closes.
 *
 * One `inet` table with `flags owner` holds all of it for both families, each change is one batch.
 * UDP from pods is taken by `socket wildcard 0 notrack`, so that without our socket the packet goes
 * where kube-proxy sends it; host clients and answers are untracked by address; TCP is pinned by an
 * identity DNAT of the SYN, before kube-proxy's (priority -105): untracked, a handshake's third
 * packet would meet no socket and be sent away. All that leads here does so only while this machine
 * has the address: a link that goes missing loses nothing. Owns:    the table, for as long as the
 * socket is open. Nothing of it stays after a SIGKILL. Threads: control. Errors:  -errno, and the
 * diag says what was wanted and what would cure it. Needs CAP_NET_ADMIN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "conf/diag.h"

struct nd_nft;

struct nd_nft_config {
	const char *table; /* "nodens" */
	const struct nd_addr *addrs;
	size_t naddrs;
	uint16_t port;        /* DNS */
	uint16_t health_port; /* probes of the addresses on it are untracked, too; 0: none */
	/* Nothing is led here any more; what we still answer stays untracked. Tracked, an answer
	 * would make a flow of its own, and the client's next question from that port would be
	 * taken for its reply and come to us. */
	bool draining;
};

/* fd: a netfilter netlink socket that somebody holds for us; -1: one of our own. Taken over. */
int nd_nft_new(int fd, struct nd_nft **out, struct nd_diag *d);
void nd_nft_free(struct nd_nft *n); /* closes the socket: the table goes. Takes NULL */
int nd_nft_fd(const struct nd_nft *n);
/* The table as the config says, in place of what this socket has; on failure that stays. */
int nd_nft_install(struct nd_nft *n, const struct nd_nft_config *c, struct nd_diag *d);
/* Whether what was put is there no more. */
int nd_nft_check(struct nd_nft *n, bool *missing, struct nd_diag *d);
/* Takes the table away; 0 too where there is none. */
int nd_nft_remove(struct nd_nft *n, struct nd_diag *d);
