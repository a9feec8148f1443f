/* SPDX-License-Identifier: Apache-2.0 */
/* steady.h - a client on the server's host that asks a number of questions a second, each for a
 * name of its own, and keeps what becomes of each. It sends a question once.
 *
 * Threads: the simulation has one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

enum { SIM_STEADY_MAX = 16384 };

struct sim_steady;

struct sim_steady_question {
	uint64_t sent_ns;
	uint64_t took_ns; /* 0: no answer yet */
	bool failed;      /* SERVFAIL */
};

/* Sends to a server on its own host, where nothing is lost. */
struct sim_steady *sim_steady_new(struct nd_loop *loop, const struct nd_addr *server,
				  const struct nd_addr *self, unsigned per_second);
void sim_steady_free(struct sim_steady *s);
/* No more questions. */
void sim_steady_stop(struct sim_steady *s);
/* Questions so far; question i is about the name nI.test. */
unsigned sim_steady_count(const struct sim_steady *s);
const struct sim_steady_question *sim_steady_get(const struct sim_steady *s, unsigned i);
/* The first incorrect answer, or second one; NULL: none. */
const char *sim_steady_failure(const struct sim_steady *s);
