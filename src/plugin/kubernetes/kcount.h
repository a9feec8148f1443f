/* SPDX-License-Identifier: Apache-2.0 */
/* kcount.h - counts what of the objects could not be used and how long changes took to arrive.
 * The first case of each kind is logged.
 *
 * Owns:    the counters. They live in the index, so they survive a reload that keeps it.
 * Threads: control (objects arrive and metrics are read there).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "kube/objects.h"

struct nd_kindex;
struct nd_kskips;
struct nd_metric_out;

enum nd_kcount_why {
	ND_KCOUNT_NAME,    /* the object's name or namespace cannot be in a DNS name */
	ND_KCOUNT_ADDRESS, /* not an IP address */
	ND_KCOUNT_TARGET,  /* externalName is not a host name */
	ND_KCOUNT_MEMORY,  /* the index is full or memory is out */
	ND_KCOUNT_FIELD,   /* unreadable, or without a name */
	ND_KCOUNT_WHYS,
};

enum { ND_KCOUNT_BUCKETS = 20 }; /* upper bounds 1 ms, doubling to 524 s */

struct nd_kcount {
	uint64_t skipped[ND_OBJECT_KINDS][ND_KCOUNT_WHYS];
	struct nd_kcount_took {
		uint64_t bucket[ND_KCOUNT_BUCKETS + 1];
		double sum;
	} took[2];     /* Services with an address; headless Services */
	bool bad_time; /* a bad time was logged */
};

/* An object was put in, except for what skips says. */
void nd_kcount_object(struct nd_kindex *ix, const struct nd_object *o,
		      const struct nd_kskips *skips);
/* An object could not be put in. */
void nd_kcount_no_memory(struct nd_kindex *ix, const struct nd_object *o);
/* An object could not be read. */
void nd_kcount_unread(struct nd_kindex *ix, enum nd_object_kind kind, const char *why);
void nd_kcount_emit(const struct nd_kindex *ix, struct nd_metric_out *out);
