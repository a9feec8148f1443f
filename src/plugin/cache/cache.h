/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - the instance of plugin cache, and functions of its files.
 *
 * Threads: set up on the control thread, const afterwards, except the tables and counters.
 */
#pragma once

#include "core/setup.h"
#include "plugin/cache/failures.h"
#include "plugin/cache/store.h"

struct nd_cache_limits {
	uint32_t capacity, ttl_max_s, ttl_min_s;
	struct nd_name *off; /* `disable`: zones whose answers of this kind are not stored */
	size_t noff;
};

struct nd_cache {
	struct nd_cache_limits success, denial;
	int64_t servfail_ns;
	bool keepttl;
	struct nd_name *zones;
	size_t nzones;
	bool everything; /* the zones include the root */
	struct nd_store *store;
	struct nd_failures *failures;
	struct nd_tally **tally; /* by endpoint */
	const char *zones_text;
	struct nd_gen *gen;
	struct nd_block *block;
};

/* Cells of a tally. */
enum {
	ND_CACHE_REQUESTS,
	ND_CACHE_HIT_SUCCESS,
	ND_CACHE_HIT_DENIAL,
	ND_CACHE_MISSES,
	ND_CACHE_EVICTED_SUCCESS,
	ND_CACHE_EVICTED_DENIAL,
	ND_CACHE_CELLS
};

/* --- cache_setup.c --- */

extern const struct nd_setting nd_cache_settings[];
int nd_cache_setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s);
int nd_cache_start(void *self, struct nd_setup *s);
