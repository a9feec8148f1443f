/* SPDX-License-Identifier: Apache-2.0 */
/* cache_options.h - the options about refreshes and stale answers.
 *
 * Threads: control.
 */
#pragma once

#include "plugin/cache/cache.h"

/* Reads `prefetch`, `serve_stale` or `serve_stale_policy`. 0, or ND_ECONF with a message. */
int nd_cache_options_read(struct nd_setup *s, struct nd_cache *c, const struct nd_conf_line *l);
