/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.h - the contract between the chain and a plugin.
 *
 * The driver (chain.c) decides when a plugin is called. Plugins never call each other; to ask
 * another question they open a sub-query (nd_query_ask). Their order is that of plugins.list, not
 * of the Corefile.
 *
 * Query:   the `query` of each plugin is called in order until one returns ND_DONE. Then the
 *          `reply` of the plugins that called nd_query_want_reply(), last one first: they may
 *          change the answer. Then the answer is completed (OPT, truncation, header) and sent. Then
 *          the `done` of those that called nd_query_want_done(), last one first: they only read
 *          (log, metrics). A plugin without `query` need not call them: its `reply` and `done` are
 *          called for every query that passed it.
 * Waiting: a plugin parks the query (nd_query_park), returns ND_WAIT, and calls nd_chain_resume()
 *          once, later, on the same worker.
 * Threads: see each group of functions.
 * Errors:  int: 0 or a negative ND_E*, with a message by nd_setup_error() or nd_setup_invalid().
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
	ND_NEXT,  /* not answered here: call the next plugin */
	ND_DONE,  /* the answer is in q: start the way back */
	ND_WAIT,  /* q is parked; the plugin holds its reference and resumes it once */
	ND_DROP,  /* send no reply */
	ND_AGAIN, /* with nd_chain_resume() only: call this plugin's `query` again */
};

/* Identifies a parked query; stale once that has ended. Keep this, never a pointer. */
struct nd_query_ref {
	struct nd_query *q;
	uint32_t generation; /* of the slot */
};

/* What a directive does that is given twice in a server block. */
enum nd_plugin_repeat {
	ND_REPEAT_INSTANCES, /* two instances, in order */
	ND_REPEAT_MERGE,     /* setup is called again for the same instance */
	ND_REPEAT_REFUSE,    /* an error, as with CoreDNS's plugin.ErrOnce */
};

enum { ND_CHAIN_MAX = 64 }; /* plugins of a block that take part in its chain */

struct nd_plugin { /* any function may be NULL */
	const char *name;
	/* Why a directive of CoreDNS is accepted but has no effect: its work is built in, or has no
	 * meaning here. `setup` logs it as INFO. NULL: it has an effect. */
	const char *accepted;
	enum nd_plugin_repeat repeat;
	size_t self_size;   /* bytes of an instance; zeroed, lives with the generation */
	size_t worker_size; /* bytes per instance and worker, zeroed; nd_query_worker_state() */
	size_t query_size;  /* bytes per query, zeroed on first use; nd_query_state() */
	const struct nd_setting *settings; /* options of its Corefile block; NULL: none */
	const struct nd_offer *offer;      /* services to other plugins of the block; offer.h */

	/* Control thread, in this order. All but stop and clear may fail; after a failure `clear`
	 * is called, also for instances that are set up in part or cleared already.
	 * setup:   reads the directive. No effects outside: shared objects are taken, not changed.
	 * start:   before the generation serves: opens HTTP endpoints, starts to watch files. The
	 *          old generation may still be running.
	 * serving: all workers use the generation and its sockets are open.
	 * stop:    the generation ends (reload, shutdown); its last queries may still run. */
	int (*setup)(void *self, const struct nd_conf_line *directive, struct nd_setup *s);
	int (*start)(void *self, struct nd_setup *s);
	void (*serving)(void *self);
	void (*stop)(void *self);
	void (*clear)(void *self);

	/* Worker threads, concurrently: self is const. state: this worker's worker_size bytes. */
	int (*worker_start)(const void *self, void *state, struct nd_worker *w);
	void (*worker_stop)(const void *self, void *state, struct nd_worker *w);
	enum nd_verdict (*query)(const void *self, struct nd_query *q); /* way in */
	void (*reply)(const void *self, struct nd_query *q);            /* way back; never waits */
	void (*done)(const void *self, struct nd_query *q); /* the reply is final and sent */
	/* The query that waits here is cancelled (client gone, deadline, overload, shutdown): drop
	 * ref, and never use the query again. */
	void (*cancel)(const void *self, struct nd_query_ref ref);
};

/* Generated from plugin/plugins.list. NULL-terminated, in chain order. */
extern const struct nd_plugin *const nd_plugins[];
/* CoreDNS plugins that are refused, NULL-terminated: "NAME" if it is not supported yet, or "NAME
 * REASON" if it will not be. */
extern const char *const nd_plugins_unsupported[];
