/* SPDX-License-Identifier: Apache-2.0 */
/* row.h - the rows of the lab: a world, who answers in it, how it is asked, what came of it.
 *
 * Owns:    nothing. The table is static, the figures are the caller's.
 * Errors:  nd_row_run(): told on standard error.
 * Threads: one. nd_row_run() inside the cage.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "tools/lab/counters.h"

enum nd_row_cause { ND_ROW_BURST, ND_ROW_RACE, ND_ROW_CAUSES };

enum nd_row_what {
	ND_ROW_COREDNS_DNS = 1 << 0,    /* the DNS pods are CoreDNS; else nodens */
	ND_ROW_AGENT = 1 << 1,          /* nodens node in front */
	ND_ROW_ORIGINAL_AGENT = 1 << 2, /* NodeLocal DNSCache in front */
	ND_ROW_OLD_KERNEL = 1 << 3,     /* the emulation is there */
	/* What the bars ask of it: */
	ND_ROW_STALLS = 1 << 4,  /* no cure: lookups stall */
	ND_ROW_CONTROL = 1 << 5, /* a control: none does */
	ND_ROW_CURED = 1 << 6,   /* ours: nothing is late, wrong or lost */
	ND_ROW_IS_ORIGINAL = ND_ROW_COREDNS_DNS | ND_ROW_ORIGINAL_AGENT,
};

struct nd_row {
	enum nd_row_cause cause;
	const char *dns, *cure; /* as the table calls them */
	const char *options;    /* of resolv.conf; NULL: none */
	unsigned what;
};

/* What the load generator saw, and what kernel and rules counted meanwhile. */
struct nd_row_figures {
	uint64_t requests, errors, timeouts;
	double min_ms, max_ms, avg_ms, p99_ms;
	struct nd_counters counted;
};

struct nd_row_result {
	const struct nd_row *row;
	struct nd_row_figures figures;
};

enum { ND_ROW_MAX = 16, ND_ROW_LIMIT_MS = 5000 };

/* What holds for all rows of a run. Paths; NULL for those that were not named. */
struct nd_row_plan {
	const char *nodens, *coredns, *node_cache;
	unsigned seconds, clients, services;
	unsigned rate; /* of the race: lookups a second */
};

const struct nd_row *nd_row_at(unsigned i); /* NULL behind the last */
/* NULL, or why the row is left out. */
const char *nd_row_missing(const struct nd_row *row, const struct nd_row_plan *plan);
int nd_row_run(const struct nd_row *row, const struct nd_row_plan *plan,
	       struct nd_row_figures *figures);

/* Pure: the figures in what `nodens bench -json` printed. */
int nd_row_parse(const char *json, struct nd_row_figures *figures);
