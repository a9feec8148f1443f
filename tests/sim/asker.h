/* SPDX-License-Identifier: Apache-2.0 */
/* asker.h - a client that asks in bursts, over UDP or over TCP connections that it may reset, and
 * checks each answer: it is one to a question of its own that has none yet, and true.
 *
 * Threads: the simulation has one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

struct sim_asker;

struct sim_asker_style {
	bool stream;
	unsigned burst;    /* questions at once, at most */
	uint64_t pause_ns; /* between bursts, about */
	unsigned silent;   /* of 8 questions: those that no upstream answers */
	unsigned resets;   /* of 8 connections: those that are closed before the answers */
};

struct sim_asker_counts {
	uint64_t asked, right, part, failed, resets;
};

struct sim_asker *sim_asker_new(struct nd_loop *loop, const struct nd_addr *server,
				const struct nd_addr *self, const struct sim_asker_style *style);
void sim_asker_free(struct sim_asker *a);
/* The port of the server for the next bursts. */
void sim_asker_set_port(struct sim_asker *a, uint16_t port);
/* No new bursts. */
void sim_asker_stop(struct sim_asker *a);
/* Asks each kind of question that has an answer once. */
void sim_asker_ask_each(struct sim_asker *a);
struct sim_asker_counts sim_asker_counts(const struct sim_asker *a);
/* The first violation; NULL: none. */
const char *sim_asker_failure(const struct sim_asker *a);
