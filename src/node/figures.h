/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - the agent's own metrics, those of node-cache and some more; and the log of recurring
 * errors, which are logged once until they change or are resolved.
 *
 * Owns:    everything by value.
 * Threads: control.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/buf.h"
#include "conf/diag.h"

/* The values of node-cache's label `errortype`. */
enum nd_figures_error {
	ND_FIGURES_IPTABLES,
	ND_FIGURES_IPTABLES_LOCK,
	ND_FIGURES_INTERFACE_ADD,
	ND_FIGURES_INTERFACE_CHECK,
	ND_FIGURES_CONFIGMAP,
	ND_FIGURES_ERRORS,
};

enum nd_figures_task {
	ND_FIGURES_COREFILE,
	ND_FIGURES_LOAD,
	ND_FIGURES_LINK,
	ND_FIGURES_RULES,
	ND_FIGURES_TASKS,
};

struct nd_figures {
	uint64_t errors[ND_FIGURES_ERRORS];
	uint64_t link_restored, rules_restored; /* times they were missing and were restored */
	uint64_t exempted,
		exemptions_refused; /* TCP connections to DNS pods, left to them or not */
	uint64_t conntrack_entries, conntrack_limit; /* 0, 0: unknown */
	bool conntrack_full;
	/* Of nftables in this kernel (nft_probe.h); kernel_known: they were tried. */
	bool kernel_known, owned_tables, socket_wildcard, socket_transparent, inet_nat;
	bool serving, link_up, intercepting;
	char last_error[ND_FIGURES_TASKS][sizeof((struct nd_diag *)0)->text];
};

/* Counts the error (ND_FIGURES_ERRORS: none; a Corefile's error only once), and logs it unless it
 * is the task's last error. */
void nd_figures_fail(struct nd_figures *f, enum nd_figures_task t, enum nd_figures_error e,
		     const struct nd_diag *d);
/* The task has succeeded: its next error is logged. */
void nd_figures_recover(struct nd_figures *f, enum nd_figures_task t);

/* Whether the task's last result was an error. */
bool nd_figures_failing(const struct nd_figures *f, enum nd_figures_task t);

/* Appends the metrics page, text format 0.0.4. */
void nd_figures_page(const struct nd_figures *f, struct nd_buf *out);
/* Parses "IP:PORT", "[IP]:PORT" or ":PORT" (all addresses). 0 or ND_EFORMAT. */
int nd_figures_address(const char *text, struct nd_addr *out);
