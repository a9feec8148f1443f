/* SPDX-License-Identifier: Apache-2.0 */
/* forward.h - what the files of plugin forward share. */
#pragma once

#include "core/query.h"
#include "core/setup.h"
#include "upstream/exchange.h"

enum { ND_FORWARD_TO_MAX = 15 }; /* TO words; a file among them may name more servers */

/* Numbers of all forwards of the process, by worker. */
struct nd_forward_totals {
	const void *collected_by; /* as in nd_host_stats */
	uint16_t nworkers;
	struct nd_forward_total {
		nd_metric_cell broken, rejected;
		char pad[48];
	} worker[];
};

struct nd_forward {
	struct nd_name from;
	struct nd_name *except;
	size_t nexcept;
	struct nd_exchange_config group;
	uint32_t next; /* bit per rcode: the next forward of the block is asked */
	bool next_on_nodata;
	uint64_t max_concurrent; /* 0: no limit */
	const char *too_many;    /* what is said over it */
	uint64_t *running;       /* atomic */
	struct nd_forward_totals *totals;
	const struct nd_gen *gen;

	/* While it is set up: what all hosts get. */
	struct nd_host_config host;
	bool max_attempts_set, tls_set;
	const struct nd_conf_line *not_yet; /* the first line that needs what this build lacks */
};

extern const struct nd_plugin nd_plugin_forward;

int nd_forward_setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s);
/* Reads TO... and takes the hosts. */
int nd_forward_to_read(struct nd_forward *f, const char *const *to, size_t n, struct nd_setup *s);
/* Shares the host of this address. 0, or ND_ELIMIT. */
int nd_forward_share_host(struct nd_forward *f, const struct nd_addr *addr, struct nd_setup *s);
/* Takes the totals and registers what is to be collected; each thing once a generation. */
int nd_forward_metrics_register(struct nd_forward *f, struct nd_setup *s);
void nd_forward_metrics_forget(struct nd_forward *f);
