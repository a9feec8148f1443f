/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "tools/lab/parts.h"

#define REOPEN "single-request-reopen"
#define OLD ND_ROW_OLD_KERNEL

static const struct nd_row rows[] = {
	/* cause       answered by       cure              options  what */
	{ ND_ROW_BURST, "CoreDNS pod", "none", NULL, ND_ROW_COREDNS_DNS | ND_ROW_STALLS },
	{ ND_ROW_BURST, "CoreDNS pod", REOPEN, REOPEN, ND_ROW_COREDNS_DNS | ND_ROW_CONTROL },
	{ ND_ROW_BURST, "original agent", "NodeLocal DNSCache", NULL,
	  ND_ROW_COREDNS_DNS | ND_ROW_ORIGINAL_AGENT | ND_ROW_STALLS },
	{ ND_ROW_BURST, "nodens pod", "none", NULL, ND_ROW_CURED },
	{ ND_ROW_BURST, "nodens agent", "nodens node", NULL, ND_ROW_AGENT | ND_ROW_CURED },
	{ ND_ROW_RACE, "nodens pods", "none", NULL, OLD | ND_ROW_STALLS },
	{ ND_ROW_RACE, "nodens pods", "single-request", "single-request", OLD | ND_ROW_CURED },
	{ ND_ROW_RACE, "nodens pods", REOPEN, REOPEN, OLD | ND_ROW_CURED },
	{ ND_ROW_RACE, "nodens agent", "nodens node", NULL, OLD | ND_ROW_AGENT | ND_ROW_CURED },
	{ ND_ROW_RACE, "nodens pods", "this kernel", NULL, ND_ROW_CONTROL | ND_ROW_CURED },
};

const struct nd_row *nd_row_at(unsigned i)
{
	return i < ND_COUNT(rows) ? &rows[i] : NULL;
}

const char *nd_row_missing(const struct nd_row *row, const struct nd_row_plan *plan)
{
	if ((row->what & ND_ROW_COREDNS_DNS) && !plan->coredns)
		return "needs -coredns PATH";
	if ((row->what & ND_ROW_ORIGINAL_AGENT) && !plan->node_cache)
		return "needs -node-cache PATH";
	return NULL;
}

static int measure(const struct nd_world *world, const struct nd_row *row,
		   const struct nd_row_plan *plan, struct nd_row_figures *figures)
{
	struct nd_parts parts = { .row = row, .plan = plan, .world = world };
	struct nd_counters before, after;
	struct nd_row_figures f;
	int err = nd_parts_start(&parts);

	err = err ? err : nd_counters_read(world, &before);
	err = err ? err : nd_parts_load(&parts, plan->seconds, &f);
	err = err ? err : nd_counters_read(world, &after);
	err = err ? err : nd_parts_check(&parts);
	nd_parts_stop(&parts);
	if (err)
		return err;
	f.counted = nd_counters_since(&after, &before);
	*figures = f;
	return 0;
}

int nd_row_run(const struct nd_row *row, const struct nd_row_plan *plan,
	       struct nd_row_figures *figures)
{
	bool race = row->cause == ND_ROW_RACE;
	const struct nd_world world = {
		.pods = race ? ND_PROXY_PODS_MAX : 1,
		.services = race ? plan->services : 0,
		.old_kernel = row->what & ND_ROW_OLD_KERNEL,
		.short_timeouts = race,
	};
	int err = nd_world_open(&world);

	err = err ? err : measure(&world, row, plan, figures);
	nd_world_close(&world);
	return err;
}

/* The number behind a name that occurs once in our own load generator's figures. */
static int read_number(const char *json, const char *name, double *value)
{
	char quoted[32], *end;

	snprintf(quoted, sizeof quoted, "\"%s\": ", name);
	const char *at = strstr(json, quoted);
	if (!at)
		return ND_EFORMAT;
	at += strlen(quoted);
	*value = strtod(at, &end);
	return end == at ? ND_EFORMAT : 0;
}

int nd_row_parse(const char *json, struct nd_row_figures *figures)
{
	double requests, errors, timeouts;
	struct nd_row_figures f = { 0 };
	const struct {
		const char *name;
		double *to;
	} wanted[] = { { "requests", &requests }, { "errors", &errors }, { "timeouts", &timeouts },
		       { "min", &f.min_ms },      { "max", &f.max_ms },  { "avg", &f.avg_ms },
		       { "p99", &f.p99_ms } };

	for (size_t i = 0; i < ND_COUNT(wanted); i++)
		if (read_number(json, wanted[i].name, wanted[i].to) < 0)
			return ND_EFORMAT;
	f.requests = (uint64_t)requests;
	f.errors = (uint64_t)errors;
	f.timeouts = (uint64_t)timeouts;
	*figures = f;
	return 0;
}
