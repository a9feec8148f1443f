/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - a stub resolver in the simulated world: sends queries, retries, checks the answers.
 *
 * Threads: the simulation has one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

struct sim_client;

struct sim_client_style {
	uint64_t timeout_ns; /* of one attempt: 5 s glibc and Go, 2.5 s musl */
	unsigned attempts;
	uint64_t pause_ns; /* mean pause between lookups */
	unsigned names;    /* number of different names */
};

struct sim_client_counts {
	uint64_t lookups, right, failed, late, truncated, again;
	uint64_t slowest_ns; /* of the correct answers */
};

struct sim_client *sim_client_new(struct nd_loop *loop, const struct nd_addr *server,
				  const struct nd_addr *self, const struct sim_client_style *style);
void sim_client_free(struct sim_client *c);
/* No new lookups; the current one continues. */
void sim_client_stop(struct sim_client *c);
bool sim_client_idle(const struct sim_client *c);
void sim_client_start(struct sim_client *c);
struct sim_client_counts sim_client_counts(const struct sim_client *c);
void sim_client_reset(struct sim_client *c);
/* The first incorrect answer; NULL: none. */
const char *sim_client_failure(const struct sim_client *c);
