/* SPDX-License-Identifier: Apache-2.0 */
/* upstream.h - an upstream server in the simulated world, with faults.
 *
 * Threads: the simulation has one.
 */
#pragma once

#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

struct sim_upstream;

struct sim_mood {
	uint32_t silent_ppm; /* queries without an answer */
	uint32_t servfail_ppm;
	uint64_t slow_ns; /* delay of each answer */
	uint64_t vary_ns; /* and up to this more */
	bool no_tcp;
	uint32_t forge_ppm; /* queries that get messages beside the answer which are none to it */
	uint32_t spoil_ppm; /* answers that are broken (forge.h) */
	uint32_t lie_ppm;   /* wrong answers: a planted bug that the check must find */
};

struct sim_upstream *sim_upstream_new(struct nd_loop *loop, const struct nd_addr *addr);
void sim_upstream_free(struct sim_upstream *u);
void sim_upstream_set_mood(struct sim_upstream *u, const struct sim_mood *mood);

/* Instead of sim_truth_answer(). */
void sim_upstream_set_answer(struct sim_upstream *u,
			     size_t (*fn)(const uint8_t *question, size_t n, uint8_t *out,
					  size_t limit, bool lie));

struct sim_upstream_counts {
	uint64_t forged, spoiled;
	uint64_t udp, tcp, truncated, repeated; /* repeated: same id and port as before */
};
struct sim_upstream_counts sim_upstream_counts(const struct sim_upstream *u);
