/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - who runs in a world: DNS servers, an agent, and the load generator's command line.
 *
 * Owns:    the processes, until nd_parts_stop().
 * Errors:  told on standard error, with the end of what the part said.
 * Threads: one. Inside the cage.
 */
#pragma once

#include <sys/types.h>
#include "tools/lab/row.h"

struct nd_parts {
	const struct nd_row *row;
	const struct nd_row_plan *plan;
	const struct nd_world *world;
	pid_t dns[ND_PROXY_PODS_MAX], agent;
};

/* The DNS servers, then the agent; returns when lookups of the pod are answered, and by the agent
 * if there is one. After a failure call nd_parts_stop() too. */
int nd_parts_start(struct nd_parts *p);
void nd_parts_stop(struct nd_parts *p);
/* `nodens bench` in the pod, for so many seconds; 0: one lookup. Figures without counters. */
int nd_parts_load(const struct nd_parts *p, unsigned seconds, struct nd_row_figures *figures);
/* -ECHILD, told, if a part has ended by itself. */
int nd_parts_check(struct nd_parts *p);
