/* SPDX-License-Identifier: Apache-2.0 */
/* seeds.h - the run of a simulation over many seeds: its command line, its verdict. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_SEEDS_WHY = 256 };

struct sim_seeds {
	const char *usage;
	const char *replay;        /* the command that takes --seed */
	const char *const *plants; /* known bugs that can be switched on; NULL ends them */
	uint64_t n;                /* seeds, where the command line does not say */
	uint64_t trace_every;      /* of so many seeds one is run twice: it must go the same way */
	/* What must have been seen in all seeds together, or the run has gone blind. */
	const char *const *seen_text;
	const uint64_t *seen;
	size_t nseen;
	/* True if the seed holds; how the world went in *trace. */
	bool (*run)(uint64_t seed, uint64_t *trace, char why[SIM_SEEDS_WHY]);
};

/* What the command line said. */
bool sim_seeds_verbose(void);
bool sim_seeds_planted(const char *plant);

/* Reads the command line. 0 or 2, the exit status of wrong usage. */
int sim_seeds_read(const struct sim_seeds *s, int argc, char **argv);
/* Runs, and ends with `N passed, N failed`: the exit status. */
int sim_seeds_run(const struct sim_seeds *s);
