/* SPDX-License-Identifier: Apache-2.0 */
/* seeds.h - runs a simulation over many seeds: its command line, its result.
 *
 * Threads: one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_SEEDS_WHY = 256 };

struct sim_seeds {
	const char *usage;
	const char *replay;        /* the command that takes --seed */
	const char *const *plants; /* bugs that --plant switches on; NULL-terminated */
	uint64_t n;                /* seeds, by default */
	uint64_t trace_every;      /* each n-th seed runs twice, with equal traces */
	/* Events that must occur in a run, over all its seeds. */
	const char *const *seen_text;
	const uint64_t *seen;
	size_t nseen;
	/* True if the seed passes; *trace: hash of all events; why: the failure. */
	bool (*run)(uint64_t seed, uint64_t *trace, char why[SIM_SEEDS_WHY]);
};

/* From the command line. */
bool sim_seeds_verbose(void);
bool sim_seeds_planted(const char *plant);

/* Parses the command line. 0, or 2: the exit status for wrong usage. */
int sim_seeds_read(const struct sim_seeds *s, int argc, char **argv);
/* Runs the seeds and prints `N passed, N failed`. Returns the exit status. */
int sim_seeds_run(const struct sim_seeds *s);
