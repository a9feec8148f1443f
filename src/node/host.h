/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - the agent's state on the host: the interface, its own rules, and those of NodeLocal
 * DNSCache.
 *
 * The ensure functions may be called any number of times: they restore what is missing, log what is
 * wrong and count both.
 *
 * Owns:    netfilter's socket. The config is borrowed.
 * Threads: control.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "node/figures.h"
#include "node/options.h"

struct nd_fdset;
struct nd_nft;

struct nd_host_config {
	const struct nd_addr *addrs; /* with the DNS port */
	size_t naddrs;
	const char *interface;
	uint16_t health_port;
	bool setup_interface, setup_rules, skip_teardown;
	struct nd_fdset *fds; /* netfilter's socket is taken from it if present, and added to it */
};

struct nd_host {
	const struct nd_host_config *config;
	struct nd_figures *figures;
	struct nd_nft *nft;
	/* The addresses that the rules are for. */
	struct nd_addr intercepted[ND_OPTIONS_ADDRS_MAX];
	size_t nintercepted;
	bool link_made;     /* by this process */
	bool iptables_done; /* NodeLocal DNSCache's rules were replaced */
	bool legacy_warned; /* about rules of iptables-legacy */
	bool restored;      /* a missing part was restored; the caller resets it */
};

/* Opens netfilter's socket. When the process is killed, the kernel closes descriptors in order, so
 * sockets opened later are closed after the rules are removed. A failure is logged, and retried
 * with the rules. */
void nd_host_init(struct nd_host *h, const struct nd_host_config *c, struct nd_figures *f);
void nd_host_clear(struct nd_host *h);

/* Interface and addresses. False: failed. */
bool nd_host_ensure_link(struct nd_host *h);
/* Rules for these n addresses, those that a socket is bound to; then replaces NodeLocal DNSCache's
 * rules. `unserved`, if set: an error about the other addresses. False: failed. */
bool nd_host_ensure_rules(struct nd_host *h, const struct nd_addr *addrs, size_t n,
			  const struct nd_diag *unserved);
/* Updates the figures of the connection table; logs when it becomes full, and when it has room. */
void nd_host_watch_conntrack(struct nd_host *h);
/* Removes the rules that intercept; true if there were any. */
bool nd_host_stop_intercepting(struct nd_host *h);
/* Removes everything; with skip_teardown only what intercepts. */
void nd_host_teardown(struct nd_host *h);
