/* SPDX-License-Identifier: Apache-2.0 */
/* gen.h - a generation: what one configuration was made into.
 *
 * Owns:    blocks, chains, plugin instances, endpoints, in its arena; its shares of process
 *          objects.
 * Life:    nd_gen_new (parse, set up) -> nd_gen_start -> each worker adopts it -> nd_gen_serving
 *          ... nd_gen_stop -> the last worker leaves it -> nd_gen_free.
 * Threads: control, except `workers`. Workers read it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/list.h"
#include "conf/corefile.h"
#include "core/process.h"
#include "core/setup.h"
#include "core/site.h"

struct nd_share;

/* A plugin in a block. */
struct nd_instance {
	const struct nd_plugin *plugin;
	void *self;
	struct nd_block *block;
	struct nd_setup setup;
	uint16_t index; /* in nd_gen.instances */
	bool started;
	bool (*ready)(void *self);
	void (*note)(void *self, struct nd_buf *to);
	void (*dropped)(const void *self, struct nd_query *q);
};

struct nd_gen {
	struct nd_process *process;
	struct nd_arena arena;
	struct nd_conf conf;
	const char *file; /* path of the Corefile; "": the built-in one */
	struct nd_block *blocks;
	size_t nblocks;
	struct nd_endpoint *endpoints;
	size_t nendpoints;
	struct nd_instance *instances; /* of all blocks */
	size_t ninstances;
	struct nd_share **shares;
	size_t nshares;
	struct nd_list collectors, https;
	struct nd_instance *dropped; /* the first that called nd_setup_dropped(); NULL: none */
	int64_t lameduck_ns;         /* keep serving this long after a stop is requested */
	_Atomic uint32_t workers;    /* holders: the workers that use it, and the control thread */
	bool started, stopped;
};

/* Parses the file (NULL: "Corefile", or the default configuration if that does not exist) and sets
 * everything up. 0, or an error with a message in d; then nothing has changed. */
int nd_gen_new(struct nd_process *p, const char *file, struct nd_gen **out, struct nd_diag *d);
/* The same from a text, for tests and the simulation. */
int nd_gen_from_text(struct nd_process *p, const char *file, const char *text, struct nd_gen **out,
		     struct nd_diag *d);
/* Opens HTTP endpoints and calls `start` of all plugins. On an error it is stopped again. */
int nd_gen_start(struct nd_gen *g, struct nd_diag *d);
/* All workers have adopted it: calls `serving` of all plugins. */
void nd_gen_serving(struct nd_gen *g);
/* Calls `stop` of all plugins that were started. Does nothing the second time. */
void nd_gen_stop(struct nd_gen *g);
/* Stops it if necessary. No worker uses it. NULL is allowed. */
void nd_gen_free(struct nd_gen *g);

/* Drops the control thread's hold. True: it was the last; free the generation now. False: the last
 * worker will call nd_process.gen_left. */
bool nd_gen_unref(struct nd_gen *g);
