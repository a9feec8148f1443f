/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - clients, a thread each, that look up names until the run is over.
 *
 * Owns:    nd_clients is heap: the threads and what each has. The plan is the caller's and outlives
 * it. Threads: the caller's one; nd_plan's atomics are what it shares with the clients.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "tools/bench/queries.h"
#include "tools/bench/search.h"
#include "tools/bench/stats.h"
#include "tools/bench/style.h"

/* What all clients do. */
struct nd_plan {
	const struct nd_style *style;
	struct nd_resolv resolv; /* within the style's limits */
	const char *host;
	struct nd_search search;   /* of host */
	struct nd_queries queries; /* n > 0: these, as they are, instead of host */
	unsigned clients;
	uint64_t rate; /* lookups a second, planned; 0: each when the one before ended */
	uint64_t start_ns, end_ns;
	uint64_t lookups; /* no more than these; 0: until the end */
	struct nd_stats *stats;
	int stop_fd;          /* eventfd: readable cuts off what is under way */
	_Atomic bool closing; /* nothing new is begun */
	_Atomic uint64_t begun;
	_Atomic unsigned running; /* clients that have not ended */
};

struct nd_clients;

/* 0 or -errno; on failure those that were started have ended. */
int nd_clients_start(struct nd_plan *plan, struct nd_clients **out);
/* Waits for their end, frees. */
void nd_clients_join(struct nd_clients *cs);
