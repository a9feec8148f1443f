/* SPDX-License-Identifier: Apache-2.0 */
/* gen.h - a generation: everything that one configuration produced, and the process it lives in.
 *
 * Life: nd_gen_new (parse, set up) -> nd_gen_start -> each worker adopts -> nd_gen_serving ...
 * nd_gen_stop -> the last worker leaves it -> nd_gen_free, on the control thread. Threads: control,
 * except where said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/list.h"
#include "conf/corefile.h"
#include "core/process.h"
#include "core/setup.h"
#include "core/site.h"

struct nd_gen {
	struct nd_process *process;
	struct nd_arena arena;
	struct nd_conf conf;
	const char *file; /* the Corefile's path; "" for the built-in one */
	struct nd_block *blocks;
	size_t nblocks;
	struct nd_endpoint *endpoints;
	size_t nendpoints;
	struct nd_instance *instances; /* of all blocks */
	size_t ninstances;
	struct nd_share **shares;
	size_t nshares;
	struct nd_list collectors, https;
	struct nd_instance
		*dropped; /* the first that wants what the server answers by itself; NULL: none */
	int64_t lameduck_ns; /* keep serving this long after a stop was asked for */
	uint32_t workers;    /* atomic: who still holds it, the control thread included */
	bool started, stopped;
};

/* Parses file (NULL or missing "Corefile": the default one) and sets everything up. On failure 0
 * changes anywhere. */
int nd_gen_new(struct nd_process *p, const char *file, struct nd_gen **out, struct nd_diag *d);
/* The same from text, for tests and the simulation. */
int nd_gen_from_text(struct nd_process *p, const char *file, const char *text, struct nd_gen **out,
		     struct nd_diag *d);
int nd_gen_start(struct nd_gen *g, struct nd_diag *d);
void nd_gen_serving(struct nd_gen *g);
void nd_gen_stop(struct nd_gen *g);
void nd_gen_free(struct nd_gen *g); /* stops first if need be; takes NULL */

/* The control thread's hold is given back; true: nobody else has one, free it now. Else gen_left
 * comes. */
bool nd_gen_unref(struct nd_gen *g);
