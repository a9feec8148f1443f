/* SPDX-License-Identifier: Apache-2.0 */
/* metric.h - numbers for Prometheus, counted without a lock and summed when read.
 *
 * Counting: a plugin keeps one block of counters per worker (a process object from nd_setup_share,
 * so that they survive a reload) and adds with nd_metric_add(). Reading: on a scrape the control
 * thread calls every registered collect function, which sums over the workers and emits samples.
 * Families are given in CoreDNS's names; the same family may be emitted by many collectors, the
 * page groups them and sums samples with equal labels (of gauges the largest stays).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

struct nd_gen;
struct nd_metric_out;

typedef _Atomic uint64_t nd_metric_cell; /* written by one thread, read by any */

static inline void nd_metric_add(nd_metric_cell *c, uint64_t n)
{
	/* One writer: a plain load and store, no locked instruction. */
	uint64_t v = __atomic_load_n((uint64_t *)c, __ATOMIC_RELAXED);
	__atomic_store_n((uint64_t *)c, v + n, __ATOMIC_RELAXED);
}

static inline uint64_t nd_metric_get(const nd_metric_cell *c)
{
	return __atomic_load_n((const uint64_t *)c, __ATOMIC_RELAXED);
}

/* A row of counters, one copy per worker, for one set of label values. A process object: the same
 * kind and key give the same counters after a reload. */
struct nd_tally {
	uint32_t n;      /* cells a worker */
	uint32_t stride; /* cells between workers: whole cache lines */
	uint16_t nworkers;
	nd_metric_cell *cell;
};

static inline nd_metric_cell *nd_tally_cells(const struct nd_tally *t, uint16_t worker)
{
	return t->cell + (size_t)worker * t->stride;
}

/* Over all workers. */
uint64_t nd_tally_sum(const struct nd_tally *t, uint32_t i);

struct nd_setup;
/* From setup or start. NULL when memory is out. */
struct nd_tally *nd_tally_get(struct nd_setup *s, const char *kind, const char *key, uint32_t n);
/* From start: one tally for each endpoint that serves the plugin's block, by nd_endpoint.index;
 * NULL for the others. The key is the endpoint's label and `key`. In the generation's arena; NULL
 * when memory is out. */
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

/* values: as many as the family has labels. All borrowed until return. */
void nd_metric_emit(struct nd_metric_out *out, const struct nd_metric_family *f,
		    const char *const *values, double value);
/* bucket: nbuckets + 1 plain (not cumulated) counts, the last for over the top. */
void nd_metric_emit_histogram(struct nd_metric_out *out, const struct nd_metric_family *f,
			      const char *const *values, const uint64_t *bucket, double sum);

/* The page (text format 0.0.4) of everything registered with the generation, and of the process. */
void nd_metric_page(struct nd_gen *gen, struct nd_buf *out);
