/* SPDX-License-Identifier: Apache-2.0 */
/* keep.h - the way back: what is stored of an answer, and what the client gets.
 *
 * Threads: workers.
 */
#pragma once

#include "plugin/cache/cache.h"

/* The plugin's `reply`. */
void nd_keep_reply(const void *self, struct nd_query *q);
/* The key of a failure. Of the failures also whether there was an OPT: upstreams exist that answer
 * every OPT with NOTIMP or SERVFAIL. */
uint64_t nd_keep_failure_hash(const struct nd_query *q, uint64_t hash);
