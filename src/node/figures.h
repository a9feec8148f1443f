/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - the agent's own metrics on a listener of their own, as node-cache's, and some more;
 * and what goes wrong again and again, last_error when it begins and when it has another reason.
 *
 * Threads: control.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/buf.h"
#include "conf/diag.h"

enum nd_figures_error { /* node-cache's words for what failed */
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
	uint64_t link_restored, rules_restored; /* went missing, and were put back */
	bool serving, link_up, intercepting;
	char last_error[ND_FIGURES_TASKS][sizeof((struct nd_diag *)0)->text];
};

/* Counts (nothing for ND_FIGURES_ERRORS; a Corefile's mistake once), and logs what was not
 * last_error last of it. */
void nd_figures_fail(struct nd_figures *f, enum nd_figures_task m, enum nd_figures_error e,
		     const struct nd_diag *d);
void nd_figures_recover(struct nd_figures *f, enum nd_figures_task m);

/* The page, text format 0.0.4. */
void nd_figures_page(const struct nd_figures *f, struct nd_buf *out);
/* "IP:PORT", "[IP]:PORT", ":PORT" (all addresses). 0 or ND_EFORMAT. */
int nd_figures_address(const char *text, struct nd_addr *out);
