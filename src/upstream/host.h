/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - one upstream server as the whole process sees it: its configuration, its health, its
 * numbers, and a slot for each worker's pool of sockets.
 *
 * Life:    made on the control thread, kept by whoever shares it (nd_setup_share) over reloads;
 *          freed on the control thread when no worker has a pool of it any more.
 * Threads: `fails`, `probing` and `epoch` are atomic; slot n belongs to worker n alone; the
 *          numbers are written by their worker and read by any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "core/metric.h"
#include "wire/name.h"

struct nd_pool;

enum {
	ND_HOST_RCODES = 25, /* 0..23 by number, the last: all above */
	ND_HOST_BUCKETS = 16,
};

/* Upper bounds in seconds: CoreDNS's, 0.25 ms doubled up to 8.192 s. */
extern const double nd_host_buckets[ND_HOST_BUCKETS];

/* What CoreDNS counts for an upstream, for one worker. */
struct nd_host_counts {
	nd_metric_cell bucket[ND_HOST_RCODES][ND_HOST_BUCKETS + 1]; /* request_duration_seconds */
	nd_metric_cell sum_ns[ND_HOST_RCODES];
	nd_metric_cell hits[2], misses[2]; /* conn_cache: udp, tcp */
	nd_metric_cell failed_probes;
};

/* Kept apart from the host, by address only, so that a changed option does not reset counters. */
struct nd_host_stats {
	char to[ND_ADDR_TEXT_MAX]; /* the label */
	const void *collected_by;  /* control thread: the generation whose page has it already */
	uint16_t nworkers;
	struct nd_host_counts worker[];
};

struct nd_host_config {
	struct nd_addr addr;
	struct nd_addr source; /* len 0: any */
	uint64_t expire_ns;    /* idle sockets are closed after it; 0: used once */
	uint64_t max_age_ns;   /* 0: no limit */
	uint32_t max_idle;     /* idle sockets kept of each kind; 0: no limit */
	uint64_t probe_interval_ns;
	bool probe_no_rec, probe_tcp;
	struct nd_name_buf probe_name; /* uncompressed */
	uint8_t probe_name_len;
};

struct nd_host {
	struct nd_host_config config;
	struct nd_host_stats *stats;
	char text[ND_ADDR_TEXT_MAX];
	uint32_t fails;   /* atomic: failed probes in a row */
	uint32_t probing; /* atomic: 1 while some worker probes it */
	uint32_t epoch;   /* atomic: counts successful probes */
	uint16_t nworkers;
	struct nd_pool *pool[]; /* by worker id; its own thread only */
};

/* NULL without memory. stats is borrowed and outlives the host. */
struct nd_host *nd_host_new(const struct nd_host_config *c, struct nd_host_stats *stats,
			    uint16_t nworkers);
void nd_host_free(struct nd_host *h);
struct nd_host_stats *nd_host_stats_new(const struct nd_addr *addr, uint16_t nworkers);

/* More failed probes in a row than allowed? max_fails 0: never down. */
static inline bool nd_host_down(const struct nd_host *h, uint32_t max_fails)
{
	return max_fails && __atomic_load_n(&h->fails, __ATOMIC_RELAXED) > max_fails;
}

/* An answer with this rcode came after ns. */
void nd_host_count_answer(struct nd_host_counts *c, unsigned rcode, uint64_t ns);
