/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.h - the contract between the chain and a plugin.
 *
 * The driver (chain.c) knows when, the plugin knows how. Plugins never call each other; to ask
 * something else they open a sub-query (nd_query_ask). The order of plugins comes from
 * plugins.list, never from the Corefile.
 *
 * A normal query: `query` of each plugin runs down the chain until one says DONE; then `reply` of
 * those who asked for it (nd_query_want_reply), last first: they may change the answer; then the
 * answer is made final (OPT, truncation, header) and sent; then `done` of those who asked for it
 * (nd_query_want_done), last first: they only look (log, metrics). A plugin without `query` need
 * not ask: its `reply` and `done` see all that came past it.
 * A waiting query: a plugin parks it (nd_query_park), returns WAIT, and calls nd_chain_resume()
 * once, later, on the same worker; the chain goes on from there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conf/corefile.h"
#include "conf/settings.h"

struct nd_offer;
struct nd_query;
struct nd_setup;
struct nd_worker;

enum nd_verdict {
	ND_NEXT,  /* not mine, or not finished: ask the next plugin */
	ND_DONE,  /* the answer stands in q: start the way back */
	ND_WAIT,  /* I parked q and hold its reference; nd_chain_resume() once, later */
	ND_DROP,  /* send nothing */
	ND_AGAIN, /* with nd_chain_resume() only: my `query` is called once more */
};

/* A parked query, by slot and generation; a stale one does nothing. Only references are kept. */
struct nd_query_ref {
	struct nd_query *q;
	uint32_t generation;
};

enum nd_plugin_repeat {
	ND_REPEAT_INSTANCES, /* a directive given twice makes two instances, in order */
	ND_REPEAT_MERGE,     /* setup is called again on the same instance */
	ND_REPEAT_REFUSE,    /* an error, as CoreDNS's plugin.ErrOnce */
};

enum { ND_CHAIN_MAX = 64 }; /* plugins of a block that take part in its chain */

struct nd_plugin { /* any function may be absent */
	const char *name;
	enum nd_plugin_repeat repeat;
	size_t self_size;   /* instance, zeroed, lives with the generation */
	size_t worker_size; /* per worker, zeroed: pools, counters; nd_query_worker_state() */
	size_t query_size;  /* per query; zeroed when first asked for; nd_query_state() */
	const struct nd_setting *settings; /* what its Corefile block may say; NULL: no table */
	const struct nd_offer *offer;      /* to others of its block; see offer.h */

	/* Control thread, in this order. All may fail but stop and clear; after a failure `clear`
	 * is called, which takes half-built and cleared selves alike.
	 * setup:   reads the directive; no side effects outside (shares are taken, not changed).
	 * start:   before the new generation serves: open HTTP endpoints, start watching files.
	 *          The old generation may still be running.
	 * serving: all workers have adopted it and the sockets are open.
	 * stop:    the generation ends (reload or shutdown), its last queries may still run. */
	int (*setup)(void *self, const struct nd_conf_line *directive, struct nd_setup *s);
	int (*start)(void *self, struct nd_setup *s);
	void (*serving)(void *self);
	void (*stop)(void *self);
	void (*clear)(void *self);

	/* Worker threads, many at once: hence const self. state is this worker's worker_size bytes.
	 */
	int (*worker_start)(const void *self, void *state, struct nd_worker *w);
	void (*worker_stop)(const void *self, void *state, struct nd_worker *w);
	enum nd_verdict (*query)(const void *self, struct nd_query *q); /* way in */
	void (*reply)(const void *self, struct nd_query *q);            /* way back; never waits */
	void (*done)(const void *self, struct nd_query *q); /* the answer is final and sent */
	/* It waits here, and nobody waits for it any more (client gone, deadline, shutdown): forget
	 * ref. After it the plugin never touches the query again. */
	void (*cancel)(const void *self, struct nd_query_ref ref);
};

/* Made from plugin/plugins.list by the build. NULL-terminated, in chain order. */
extern const struct nd_plugin *const nd_plugins[];
/* Names that CoreDNS knows and this build does not, NULL-terminated. */
extern const char *const nd_plugins_absent[];
