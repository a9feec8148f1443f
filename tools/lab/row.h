/* SPDX-License-Identifier: Apache-2.0 */
/* row.h - the rows of the lab: which servers run, how they are queried, what is expected.
 *
 * Owns:    nothing. The table is static; figures are the caller's.
 * Errors:  nd_row_run(): reported on standard error.
 * Threads: one. nd_row_run() only in the sandbox.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "tools/lab/figures.h"

enum nd_row_cause { ND_ROW_BURST, ND_ROW_RACE, ND_ROW_CAUSES };

enum nd_row_what {
	ND_ROW_COREDNS_DNS = 1 << 0,    /* the DNS pods run CoreDNS; else nodens */
	ND_ROW_AGENT = 1 << 1,          /* `nodens node` runs on the node */
	ND_ROW_ORIGINAL_AGENT = 1 << 2, /* NodeLocal DNSCache runs on the node */
	ND_ROW_OLD_KERNEL = 1 << 3,     /* with the emulation of a kernel before 5.6 */
	/* Expected results, see bars.h: */
	ND_ROW_STALLS = 1 << 4,  /* no cure: lookups stall */
	ND_ROW_CONTROL = 1 << 5, /* no lookup stalls */
	ND_ROW_CURED = 1 << 6,   /* nodens or an option: no lookup is late, wrong or lost */
	ND_ROW_IS_ORIGINAL = ND_ROW_COREDNS_DNS | ND_ROW_ORIGINAL_AGENT,
};

struct nd_row {
	enum nd_row_cause cause;
	const char *dns, *cure; /* as the table shows them */
	const char *options;    /* of resolv.conf; NULL: none */
	unsigned what;
};

struct nd_row_result {
	const struct nd_row *row;
	struct nd_figures figures;
};

enum { ND_ROW_MAX = 16, ND_ROW_LIMIT_MS = 5000 };

/* Settings for all rows of a run. */
struct nd_row_plan {
	const char *nodens, *coredns, *node_cache; /* paths; NULL: not given */
	unsigned seconds, clients, services;
	unsigned rate; /* lookups per second in the race */
};

const struct nd_row *nd_row_at(unsigned i); /* NULL after the last */
/* The reason why the row is skipped, or NULL. */
const char *nd_row_missing(const struct nd_row *row, const struct nd_row_plan *plan);
int nd_row_run(const struct nd_row *row, const struct nd_row_plan *plan,
	       struct nd_figures *figures);
