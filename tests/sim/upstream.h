/* SPDX-License-Identifier: Apache-2.0 */
/* upstream.h - an upstream server in the simulated world, with faults.
 *
 * Threads: the simulation has one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
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
	bool forge_udp;     /* over UDP only: by one who is not on the path */
	uint32_t spoil_ppm; /* answers that are broken (forge.h) */
	uint32_t lie_ppm;   /* wrong answers: a planted bug that the check must find */
};

/* How it answers the queries of a TCP connection. */
enum sim_order {
	SIM_ANY_ORDER,
	SIM_IN_ORDER,   /* it works on one after the other */
	SIM_FIRST_ONLY, /* the same, and it discards those that arrive meanwhile */
};

/* What it does with TCP connections; by default: accepts all, and answers in any order. */
struct sim_habit {
	enum sim_order order;
	uint32_t close_after; /* answers on a connection; 0: no limit */
	uint32_t cut_after;   /* answers; of the next one it sends half, and then closes */
	bool stalls;          /* instead of closing it, with cut_after: sends no more */
	uint32_t conns_max;   /* more are closed at once; 0: no limit */
};

/* What the scene wants to know, and decides; each function may be NULL. */
struct sim_upstream_watch {
	void *ctx;
	/* A query has arrived, from this port. */
	void (*on_query)(void *ctx, const uint8_t *query, size_t n, uint16_t port);
	/* A query that had arrived will not be answered: its connection ends. */
	void (*on_lost)(void *ctx, const uint8_t *query, size_t n);
	/* Delay of the answer, beside that of the mood. */
	uint64_t (*delay_ns)(void *ctx, const uint8_t *query, size_t n);
};

struct sim_upstream *sim_upstream_new(struct nd_loop *loop, const struct nd_addr *addr);
void sim_upstream_free(struct sim_upstream *u);
void sim_upstream_set_mood(struct sim_upstream *u, const struct sim_mood *mood);
void sim_upstream_set_habit(struct sim_upstream *u, const struct sim_habit *habit);
void sim_upstream_set_watch(struct sim_upstream *u, const struct sim_upstream_watch *watch);
/* The process ends: its connections are closed, its port is closed. */
void sim_upstream_stop(struct sim_upstream *u);
/* It starts again. */
void sim_upstream_start(struct sim_upstream *u);

/* Instead of sim_truth_answer(). */
void sim_upstream_set_answer(struct sim_upstream *u,
			     size_t (*fn)(const uint8_t *question, size_t n, uint8_t *out,
					  size_t limit, bool lie));

struct sim_upstream_counts {
	uint64_t forged, spoiled;
	uint64_t udp, tcp, truncated, repeated; /* repeated: same id and port as before */
	uint64_t closed;                        /* connections, with a query unanswered */
};
struct sim_upstream_counts sim_upstream_counts(const struct sim_upstream *u);
