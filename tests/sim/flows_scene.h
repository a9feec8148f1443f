/* SPDX-License-Identifier: Apache-2.0 */
/* flows_scene.h - what the files of the scene share: flows.c (the run and its verdict),
 * flows_world.c (its drawing), flows_incident.c (what happens). */
#pragma once

#include "sim/packets.h"
#include "sim/stage.h"
#include "sim/steady.h"
#include "sim/upstream.h"

enum {
	UPSTREAMS_MAX = 3,
	INCIDENTS = 3,
	PERIODS_MAX = INCIDENTS + 1,
	LATE_MS = 300,
	RETURN_MS = 300, /* after it, questions are answered in time */
	OUT_S = 5,       /* a query's life */
	/* Questions that may be late. */
	LATE_START = 3,   /* while it is learned how the upstreams behave */
	LATE_FLOWS = 3,   /* because flows were swallowed */
	LATE_SERVER = 10, /* because one of several upstreams does not answer */
};

enum seen { SWALLOWED, CLOSED, EXTRA, SLOW, LATE, FAILED, TCP, AWAY, FORGED, RELOADED, SEEN };
extern uint64_t sim_flows_seen[SEEN];

/* Questions sent in it may fail and be late. */
struct period {
	uint64_t from_ns, to_ns;
	bool slow; /* only those for slow names: all their flows may be swallowed */
};

struct scene {
	struct sim_stage stage;
	struct sim_steady *client;
	unsigned nupstreams;
	struct upstream {
		struct scene *scene;
		struct nd_addr addr;
		struct sim_upstream *sim;
		struct sim_packets *packets;
		struct sim_habit habit;
	} upstream[UPSTREAMS_MAX];
	unsigned rate;       /* questions a second */
	unsigned slow_every; /* each n-th name is slow; 0: none */
	uint64_t slow_ns;
	bool tcp;
	char options[200];
	unsigned generation; /* reloads so far */
	struct period period[PERIODS_MAX];
	unsigned nperiods;
	unsigned late_max;
	uint64_t returned_ns; /* all upstreams are back; 0: checked */
};

/* --- flows_world.c --- */

void sim_flows_open(struct scene *s);
/* Loads the Corefile, each time with another text. */
void sim_flows_load(struct scene *s);
void sim_flows_set_link(uint32_t loss_ppm, uint32_t reorder_ppm);
/* Question i is for a slow name. */
bool sim_flows_is_slow(const struct scene *s, unsigned i);

/* --- flows_incident.c --- */

/* Runs, and checks what has happened. */
void sim_flows_run(struct scene *s, uint64_t ns);
/* Long enough for some questions. */
void sim_flows_run_some(struct scene *s);
/* An incident, and some time after it. */
void sim_flows_meet(struct scene *s);
