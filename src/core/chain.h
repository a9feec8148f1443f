/* SPDX-License-Identifier: Apache-2.0 */
/* chain.h - the plugins of a site in order, and the driver that runs a query through them. */
#pragma once

#include <stdint.h>
#include "core/query.h"

struct nd_link {
	const struct nd_plugin *plugin;
	void *self;
	uint16_t index; /* of the instance in its generation: worker states */
};

struct nd_chain {
	struct nd_link link[ND_CHAIN_MAX]; /* only plugins with `query`, `reply` or `done` */
	uint16_t len;
	/* A bit per link. */
	uint64_t asked;               /* it has a `query` */
	uint64_t see_reply, see_done; /* it has none, and sees all that comes past */
	bool empty;                   /* the block has no plugin at all: REFUSED */
};

/* A slot ready for a request: everything zeroed, answer over the worker's output. NULL: slab full
 * and nothing to shed. */
struct nd_query *nd_query_new(struct nd_worker *w, const struct nd_endpoint *e,
			      const struct nd_client *client);

/* Runs a request that was just read: chooses the site, runs the chain, sends the reply through the
 * worker's `send` (unless it parks). q came from nd_query_new and is core's from here on. */
void nd_chain_start(struct nd_query *q, const void *bytes, size_t n);
