/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/limits.h"

#include <malloc.h>
#include "base/budget.h"
#include "base/err.h"
#include "base/log.h"
#include "cmd/flags.h"
#include "io/cgroup.h"
#include "io/nofile.h"

#define MIB(n) ((uint64_t)(n) << 20)

/* glibc's default is eight per CPU, and each keeps what it has freed. */
enum { ARENAS = 4 };

/* An explicit limit is not capped at the default budget, as that of a cgroup is. */
static uint64_t budget_of(uint64_t limit, bool explicit)
{
	uint64_t budget = nd_budget_from_limit(limit);

	return explicit && limit / 2 > budget ? limit / 2 : budget;
}

static void report(uint64_t budget, uint64_t limit, const char *source)
{
	unsigned long mib = budget >> 20, limit_mib = limit >> 20;

	if (limit)
		nd_log_info(NULL, "Memory budget: %lu MiB (%s: %lu MiB)", mib, source, limit_mib);
	else
		nd_log_info(NULL, "Memory budget: %lu MiB (no limit)", mib);
}

static bool apply_memory(const char *flag, bool quiet)
{
	uint64_t limit = 0;

	if (flag && !nd_flags_bytes("memory-limit", flag, MIB(2 * ND_BUDGET_MIN_MIB), &limit))
		return false;
	if (!flag)
		limit = nd_cgroup_memory(ND_CGROUP_MEMBERSHIP, ND_CGROUP_ROOT);
	uint64_t budget = budget_of(limit, flag);
	nd_budget_set(budget);
	mallopt(M_ARENA_MAX, ARENAS);
	if (!quiet)
		report(budget, limit, flag ? "-memory-limit" : "limit of the cgroup");
	return true;
}

bool nd_limits_apply(const char *memory_limit, bool quiet)
{
	int err = nd_nofile_raise();

	if (err)
		nd_log_warning(NULL, "cannot raise the limit of open descriptors: %s",
			       nd_err_text(err));
	return apply_memory(memory_limit, quiet);
}
