/* SPDX-License-Identifier: Apache-2.0 */
/* nft.h - interception: an nftables table that the kernel removes when our netlink socket closes.
 *
 * One `inet` table with `flags owner` holds the rules of both families; each change is one batch.
 * What is for us is untracked (`notrack`) before conntrack sees it, so kube-proxy's rules, which
 * redirect or refuse new connections to a Service, and a full connection table do not concern it.
 * UDP from pods is intercepted by `socket wildcard 0 notrack`: without our socket the packet
 * continues to kube-proxy's rules. Host clients, responses and TCP are untracked by address; a
 * condition on the socket would miss the third packet of a handshake. TCP connections that a DNS
 * pod already has are exempted (nft_flows.h). All rules that intercept also require that this
 * machine has the address: if the interface disappears, no lookup is lost.
 *
 * Older kernels lack some of that (nft_probe.h). Without owned tables the table remains after
 * SIGKILL, so TCP from pods is intercepted only while a socket receives it: `socket transparent`
 * finds the third packet too. Host clients, by address, have no DNS then until the next agent.
 *
 * Owns:    the table, while the socket is open. Nothing of it remains after SIGKILL.
 * Threads: control.
 * Errors:  -errno, with a diag that says what failed and how to fix it. Needs CAP_NET_ADMIN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "conf/diag.h"
#include "node/nft_probe.h"

struct nd_nft;

struct nd_nft_config {
	const char *table; /* "nodens" */
	const struct nd_addr *addrs;
	size_t naddrs;
	uint16_t port;        /* DNS */
	uint16_t health_port; /* probes to it are untracked as well; 0: none */
	/* Stop intercepting, but keep responses untracked. A tracked response would create its own
	 * flow; the client's next query from that port would count as its reply and reach us. New
	 * TCP connections are exempted; those that we have continue. */
	bool draining;
};

/* The TCP connections to DNS pods that the rules leave alone. */
struct nd_nft_exempt {
	size_t n;      /* at the last look */
	size_t beyond; /* too many of them: they were reset when the rules were installed */
	int err;       /* 0, or why they are unknown: all were reset */
};

/* fd: an inherited netfilter netlink socket, owned from here on; -1: opens one. */
int nd_nft_new(int fd, struct nd_nft **out, struct nd_diag *d);
void nd_nft_free(struct nd_nft *n); /* removes the table, by closing the socket; takes NULL */
int nd_nft_fd(const struct nd_nft *n);
/* Installs the table of this config, replacing our earlier one; on failure that remains. */
int nd_nft_install(struct nd_nft *n, const struct nd_nft_config *c, struct nd_diag *d);
/* The kernel's features, once something was installed; all false before. */
const struct nd_nft_features *nd_nft_features(const struct nd_nft *n);
const struct nd_nft_exempt *nd_nft_exempted(const struct nd_nft *n);
/* Whether anything that was installed is missing. Also forgets exempted connections that have
 * ended. */
int nd_nft_check(struct nd_nft *n, bool *missing, struct nd_diag *d);
/* Removes the table; 0 also if there is none. */
int nd_nft_remove(struct nd_nft *n, struct nd_diag *d);
