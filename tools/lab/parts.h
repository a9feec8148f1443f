/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - the programs that run in a world: DNS servers, an agent, the load generator.
 *
 * Owns:    the processes, until nd_parts_stop().
 * Errors:  reported on standard error, with the end of the program's log.
 * Threads: one. In the sandbox.
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

/* Starts the DNS servers, then the agent; returns when lookups of the pod are answered, by the
 * agent if there is one. Call nd_parts_stop() after a failure too. */
int nd_parts_start(struct nd_parts *p);
void nd_parts_stop(struct nd_parts *p);
/* Runs `nodens bench` in the pod for `seconds`; 0: one lookup. figures->counted stays zero. */
int nd_parts_load(const struct nd_parts *p, unsigned seconds, struct nd_figures *figures);
/* -ECHILD, and reported, if a server has exited by itself. */
int nd_parts_check(struct nd_parts *p);
