/* SPDX-License-Identifier: Apache-2.0 */
/* kcount.h - what of the objects could not be used, and how long changes took: numbers, and one
 * line of the log for each kind of thing that is wrong.
 *
 * Owns:    the numbers, which live in the index and so survive a reload that keeps it.
 * Threads: control (objects come there, and metrics are read there).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "kube/objects.h"

struct nd_kindex;
struct nd_kskips;
struct nd_metric_out;

enum nd_kcount_why {
	ND_KCOUNT_NAME,    /* the object's name, or its namespace's, can stand in no question */
	ND_KCOUNT_ADDRESS, /* of a Service, an endpoint or a pod: no IP address */
	ND_KCOUNT_TARGET,  /* an ExternalName that is no host name */
	ND_KCOUNT_MEMORY,  /* the index is full, or there is none left */
	ND_KCOUNT_FIELD,   /* it cannot be read, or has no name */
	ND_KCOUNT_WHYS,
};

enum { ND_KCOUNT_BUCKETS = 20 }; /* 1 ms, doubled: 524 s and above */

struct nd_kcount {
	uint64_t skipped[ND_OBJECT_KINDS][ND_KCOUNT_WHYS];
	struct nd_kcount_took {
		uint64_t bucket[ND_KCOUNT_BUCKETS + 1];
		double sum;
	} took[2];     /* of Services with an address; of headless ones */
	bool bad_time; /* was told */
};

/* An object was put in, without what skips says. */
void nd_kcount_object(struct nd_kindex *ix, const struct nd_object *o,
		      const struct nd_kskips *skips);
/* An object could not be put in. */
void nd_kcount_no_memory(struct nd_kindex *ix, const struct nd_object *o);
/* One came that could not be read. */
void nd_kcount_unread(struct nd_kindex *ix, enum nd_object_kind kind, const char *why);
void nd_kcount_emit(const struct nd_kindex *ix, struct nd_metric_out *out);
