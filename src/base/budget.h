/* SPDX-License-Identifier: Apache-2.0 */
/* budget.h - one memory budget for the process, shared by what clients, upstreams and lists of
 * hosts can fill.
 *
 * Whoever allocates such memory takes the bytes first and gives them back when it frees them. A
 * part has a ceiling of its own below the whole, so that one kind of flood leaves room for the
 * others. The counts are of requested bytes: allocator overhead and everything else that the
 * process holds (code, configuration, the Kubernetes index) come on top; nd_budget_from_limit
 * leaves room for them.
 *
 * Owns:    one process-wide set of counters.
 * Threads: nd_budget_set before threads start; everything else from any thread, without a lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_budget_part {
	ND_BUDGET_QUERIES,   /* slots of parked queries, long requests, saved answers */
	ND_BUDGET_EXCHANGES, /* questions to upstreams */
	ND_BUDGET_STREAMS,   /* TCP connections: frames that arrive, answers that wait */
	ND_BUDGET_HTTP,      /* connections and responses of health, ready and metrics */
	ND_BUDGET_CACHE,     /* the tables of plugin cache */
	ND_BUDGET_HOSTS,     /* the tables of plugin hosts */
	ND_BUDGET_ZONES,     /* the records of authoritative zones */
	ND_BUDGET_PARTS
};

/* "queries", "exchanges", ...: the label of the metrics. */
extern const char *const nd_budget_part_text[ND_BUDGET_PARTS];

enum {
	ND_BUDGET_DEFAULT_MIB = 256, /* where there is no limit */
	ND_BUDGET_MIN_MIB = 16,
};

/* The budget for a process that may use limit_bytes in all; 0 (no limit): the default. */
uint64_t nd_budget_from_limit(uint64_t limit_bytes);
/* Sets the whole. Bytes already taken stay taken. */
void nd_budget_set(uint64_t bytes);

/* False: the part or the whole would exceed its ceiling; nothing is taken. */
bool nd_budget_take(enum nd_budget_part part, size_t bytes);
void nd_budget_give(enum nd_budget_part part, size_t bytes);
/* Counts a refusal by a limit of the part's own, below its ceiling. */
void nd_budget_refuse(enum nd_budget_part part);

uint64_t nd_budget_used(enum nd_budget_part part);
uint64_t nd_budget_ceiling(enum nd_budget_part part);
/* Takes that were refused, and refusals by nd_budget_refuse. */
uint64_t nd_budget_refused(enum nd_budget_part part);
