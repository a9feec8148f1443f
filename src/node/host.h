/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - what the agent holds of the host: the link, the rules, and no rules of the original.
 *
 * Each part may be asked for again and again: it puts what is missing, says what is wrong and
 * counts both. Owns:    netfilter's socket. Config is borrowed. Threads: control.
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
	struct nd_fdset *fds; /* netfilter's socket is looked for here, and put here */
};

struct nd_host {
	const struct nd_host_config *config;
	struct nd_figures *figures;
	struct nd_nft *nft;
	/* The addresses that the rules are for. */
	struct nd_addr intercepted[ND_OPTIONS_ADDRS_MAX];
	size_t nintercepted;
	bool link_made;     /* the link, by us */
	bool iptables_done; /* of the original's rules */
	bool legacy_warned;
	bool restored; /* something was missing and was put back; the caller takes it down */
};

/* Opens netfilter's socket: when the process is killed the kernel closes descriptors in their
 * order, so what is opened after this one goes after the rules. A failure is said, and tried again
 * with the rules. */
void nd_host_init(struct nd_host *h, const struct nd_host_config *c, struct nd_figures *f);
void nd_host_clear(struct nd_host *h);

/* Link and addresses. False: not as it should be. */
bool nd_host_ensure_link(struct nd_host *h);
/* Rules for these n of the addresses, those that somebody listens on; then the original's go.
 * `unserved`, if set: what to say of the others. False: not as it should be. */
bool nd_host_ensure_rules(struct nd_host *h, const struct nd_addr *addrs, size_t n,
			  const struct nd_diag *unserved);
/* Lookups go where they went before; true: they came here until now. */
bool nd_host_stop_intercepting(struct nd_host *h);
/* All of it goes. */
void nd_host_teardown(struct nd_host *h);
