/* SPDX-License-Identifier: Apache-2.0 */
/* stage.h - a server in the simulated world, as a scene sets it up: its loops, its failure.
 *
 * Owns:    the loops and the server, from open to close.
 * Threads: the simulation has one.
 */
#pragma once

#include "server/server.h"
#include "sim/seeds.h"
#include "sim/world.h"

struct sim_stage {
	struct nd_loop *server_loop, *outside;
	struct nd_server *server;
	bool ended;
	char failure[SIM_SEEDS_WHY]; /* the first one; empty: none */
};

/* From the scene's own randomness. */
uint32_t sim_stage_draw(uint32_t below);
/* True once in n times. */
bool sim_stage_one_in(uint32_t n);
/* 10.0.net.host; the server is 10.0.0.1. */
struct nd_addr sim_stage_address(uint8_t net, uint8_t host, uint16_t port);
void sim_stage_run(uint64_t ns);

/* A server with one worker. */
void sim_stage_open(struct sim_stage *s);
void sim_stage_load(struct sim_stage *s, const char *corefile);
/* Stops the server, which must succeed. */
void sim_stage_stop(struct sim_stage *s);
/* After the scene has closed all else: no socket may be open. */
void sim_stage_close(struct sim_stage *s);
/* Unless fine: a failure, with the time. */
void sim_stage_check(struct sim_stage *s, bool fine, const char *text);

/* main() of a simulation: runs the seeds. */
int sim_stage_main(const struct sim_seeds *seeds, int argc, char **argv);
