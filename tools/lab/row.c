/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/row.h"

#include "base/err.h"
#include "tools/lab/parts.h"

#define REOPEN "single-request-reopen"
#define OLD ND_ROW_OLD_KERNEL

static const struct nd_row rows[] = {
	/* cause, answered by, cure, options, what */
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
		   const struct nd_row_plan *plan, struct nd_figures *figures)
{
	struct nd_parts parts = { .row = row, .plan = plan, .world = world };
	struct nd_counters before, after;
	struct nd_figures f;
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

int nd_row_run(const struct nd_row *row, const struct nd_row_plan *plan, struct nd_figures *figures)
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
