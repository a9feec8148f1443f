/* SPDX-License-Identifier: Apache-2.0 */
/* metric.h - counters for Prometheus: counted without locks, summed when scraped.
 *
 * A plugin has a tally: counters per worker, in a process object, which survives a reload. On a
 * scrape the control thread calls every collect function (nd_setup_collect), which sums over the
 * workers and emits samples. Several collectors may emit the same family: the page groups them and
 * adds up samples with equal labels (of gauges the largest remains). Names are CoreDNS's.
 *
 * Threads: nd_metric_add on the worker that owns the cells; nd_metric_get and nd_tally_sum on any;
 *          the rest on the control thread.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

struct nd_gen;
struct nd_metric_out;

typedef _Atomic uint64_t nd_metric_cell; /* written by one thread, read by any */

static inline void nd_metric_add(nd_metric_cell *c, uint64_t n)
{
	/* One writer: a plain load and store, no locked instruction. */
	uint64_t v = atomic_load_explicit(c, memory_order_relaxed);
	atomic_store_explicit(c, v + n, memory_order_relaxed);
}

static inline uint64_t nd_metric_get(const nd_metric_cell *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* Counters for one set of label values, a copy per worker. A process object: the same kind and key
 * give the same counters after a reload. */
struct nd_tally {
	uint32_t n;      /* cells per worker */
	uint32_t stride; /* cells between workers: whole cache lines */
	uint16_t nworkers;
	nd_metric_cell *cell;
};

static inline nd_metric_cell *nd_tally_cells(const struct nd_tally *t, uint16_t worker)
{
	return t->cell + (size_t)worker * t->stride;
}

/* Cell i summed over all workers. */
uint64_t nd_tally_sum(const struct nd_tally *t, uint32_t i);

struct nd_setup;
/* From setup or start. NULL: out of memory. */
struct nd_tally *nd_tally_get(struct nd_setup *s, const char *kind, const char *key, uint32_t n);
/* From start: one tally for each endpoint that serves the plugin's block, by nd_endpoint.index;
 * NULL for the others. Keyed by the endpoint's label, the block's zones and view, and `key`: blocks
 * of one endpoint have tallies of their own. In the generation's arena. NULL: out of memory. */
struct nd_tally **nd_tally_by_endpoint(struct nd_setup *s, const char *kind, const char *key,
				       uint32_t n);

enum nd_metric_kind { ND_METRIC_COUNTER, ND_METRIC_GAUGE, ND_METRIC_HISTOGRAM };

struct nd_metric_family {
	const char *name; /* "coredns_cache_hits_total" */
	enum nd_metric_kind kind;
	const char *help;
	const char *const *labels; /* NULL-terminated names */
	const double *buckets;     /* histograms: upper bounds, ascending */
	size_t nbuckets;
};

/* Initializers of a family. labels: NULL, or a NULL-terminated array of names. bounds: an array. */
#define ND_COUNTER(name_, help_, labels_)                                                        \
	{                                                                                        \
		.name = (name_), .kind = ND_METRIC_COUNTER, .help = (help_), .labels = (labels_) \
	}
#define ND_GAUGE(name_, help_, labels_)                                                        \
	{                                                                                      \
		.name = (name_), .kind = ND_METRIC_GAUGE, .help = (help_), .labels = (labels_) \
	}
#define ND_HISTOGRAM(name_, help_, labels_, bounds_)                           \
	{                                                                      \
		.name = (name_), .kind = ND_METRIC_HISTOGRAM, .help = (help_), \
		.labels = (labels_), .buckets = (bounds_),                     \
		.nbuckets = sizeof(bounds_) / sizeof *(bounds_)                \
	}

/* A sample of a counter or gauge. values: one per label of the family, copied. The family is
 * static. */
void nd_metric_emit(struct nd_metric_out *out, const struct nd_metric_family *f,
		    const char *const *values, double value);
/* bucket: nbuckets + 1 counts, not cumulative, the last for values over the highest bound. */
void nd_metric_emit_histogram(struct nd_metric_out *out, const struct nd_metric_family *f,
			      const char *const *values, const uint64_t *bucket, double sum);

/* Appends the page (text format 0.0.4) of all collectors of the generation. */
void nd_metric_page(struct nd_gen *gen, struct nd_buf *out);
