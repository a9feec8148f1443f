/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - clients, one thread each, that look names up until the run ends.
 *
 * Owns:    nd_clients is heap: the threads and their state. The plan is the caller's and outlives
 * it. Threads: one caller; it shares the atomics of nd_plan with the clients.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "tools/bench/queries.h"
#include "tools/bench/search.h"
#include "tools/bench/stats.h"
#include "tools/bench/style.h"

/* Settings and shared state of all clients. */
struct nd_plan {
	const struct nd_style *style;
	struct nd_resolv resolv; /* within the style's limits */
	const char *host;
	struct nd_search search;   /* of host */
	struct nd_queries queries; /* n > 0: send these, without a search list, instead of host */
	unsigned clients;
	uint64_t rate; /* lookups per second; 0: each client starts the next after the last */
	uint64_t start_ns, end_ns;
	uint64_t lookups; /* maximum; 0: none */
	struct nd_stats *stats;
	int stop_fd;          /* eventfd: readable cancels pending lookups */
	_Atomic bool closing; /* no new lookups */
	_Atomic uint64_t begun;
	_Atomic unsigned running; /* clients that have not finished */
};

struct nd_clients;

/* 0 or -errno; on failure no client is left running. */
int nd_clients_start(struct nd_plan *plan, struct nd_clients **out);
/* Waits for all clients to finish, then frees. */
void nd_clients_join(struct nd_clients *cs);
