/* SPDX-License-Identifier: Apache-2.0 */
/* chain.h - the plugins of a server block in order, and the driver that runs a query through them.
 *
 * Owns:    nothing; plugins and instances are the generation's.
 * Threads: a chain is built on the control thread and then read by all workers; functions are
 *          called on the query's worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/query.h"

/* One plugin instance in a chain. */
struct nd_link {
	const struct nd_plugin *plugin;
	void *self;
	uint16_t index; /* of the instance in its generation, for worker states */
	uint16_t state; /* number among the links with a query_size */
};

struct nd_chain {
	struct nd_link link[ND_CHAIN_MAX]; /* plugins with `query`, `reply` or `done` only */
	uint16_t len;
	uint16_t nstates; /* links with a query_size */
	/* A bit per link. */
	uint64_t asked;               /* it has a `query` */
	uint64_t see_reply, see_done; /* it has none, but this one: called for all that pass */
	bool empty;                   /* the block has no plugins: REFUSED */
};

/* A slot for a request, with an empty answer once it is started; never NULL. This is the only place
 * that sheds: a full slab cancels the oldest waiting query of the client that has most of them,
 * with its sub-queries. Only when no chain runs, so no answer is being written. */
struct nd_query *nd_query_new(struct nd_worker *w, const struct nd_endpoint *e,
			      const struct nd_client *client);

/* Runs the request of n bytes: parses it, chooses the block, runs its chain, and sends the reply by
 * nd_worker.send, unless the query is parked. q is core's from now on. */
void nd_chain_start(struct nd_query *q, const void *bytes, size_t n);
