/* SPDX-License-Identifier: Apache-2.0 */
/* forward.h - the instance of plugin forward, and functions of its files.
 *
 * Threads: set up on the control thread, const afterwards, except `running`.
 */
#pragma once

#include "core/query.h"
#include "core/setup.h"
#include "upstream/exchange.h"

enum {
	ND_FORWARD_TO_MAX = 15,    /* TO words; a file may name several servers */
	ND_FORWARD_MAX_AGE_S = 30, /* the default of max_age */
};

/* Counters of all forwards in the process, by worker. */
struct nd_forward_totals {
	const void *collected_by; /* as in nd_host_stats */
	uint16_t nworkers;
	struct nd_forward_total {
		struct nd_exchange_counts exchange;
		nd_metric_cell rejected;
		char pad[40];
	} worker[];
};

struct nd_forward {
	struct nd_name from;
	struct nd_name *except;
	size_t nexcept;
	struct nd_exchange_config group;
	uint32_t next; /* a bit per rcode: the query goes to the next forward of the block */
	bool next_on_nodata;
	uint64_t max_concurrent;   /* 0: no limit */
	const char *too_many;      /* the error above it */
	_Atomic uint64_t *running; /* queries in flight, of all workers */
	struct nd_forward_totals *totals;
	struct nd_exchange_tables *tables; /* of all forwards in the process */
	const struct nd_gen *gen;

	/* During setup: the configuration common to all hosts. */
	struct nd_host_config host;     /* without addr and tls */
	struct nd_tls *tls;             /* for the upstreams with TLS; its hosts hold references */
	const char *tls_name, *tls_key; /* `tls_servername`; the files of `tls` as they are now */
	bool doh_get;
	bool max_attempts_set, max_age_set;
	struct nd_addr *resolver; /* of host names in TO; none: the system's */
	size_t nresolvers;
};

extern const struct nd_plugin nd_plugin_forward;

/* The plugin's setup. */
int nd_forward_setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s);
/* Reads TO... and adds the hosts to the group. 0, ND_ECONF or ND_ELIMIT. */
int nd_forward_to_read(struct nd_forward *f, const char *const *to, size_t n, struct nd_setup *s);
/* A server among TO. */
struct nd_forward_to {
	struct nd_addr addr;
	const char *tls_name; /* the name in its certificate, "" for the address; NULL: plain DNS */
	enum nd_host_https https;
};

/* Adds the shared host to the group. 0, or ND_ELIMIT. */
int nd_forward_share_host(struct nd_forward *f, const struct nd_forward_to *to, struct nd_setup *s);
/* Shares the workers' tables of exchanges. 0, or ND_ELIMIT. */
int nd_forward_share_tables(struct nd_forward *f, struct nd_setup *s);
/* Shares the totals and registers the collectors, each once per generation. 0, or ND_ELIMIT. */
int nd_forward_metrics_register(struct nd_forward *f, struct nd_setup *s);
/* The generation ends. */
void nd_forward_metrics_forget(struct nd_forward *f);
