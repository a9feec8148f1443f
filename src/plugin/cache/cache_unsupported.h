/* SPDX-License-Identifier: Apache-2.0 */
/* cache_unsupported.h - options of CoreDNS's cache that are not supported yet.
 *
 * Threads: control.
 */
#pragma once

#include "core/setup.h"

/* Refuses prefetch, serve_stale and serve_stale_policy. Checks the arguments first, as CoreDNS
 * does, so that a mistake in them gets its own message. ND_ECONF. */
int nd_cache_unsupported_refuse(struct nd_setup *s, const struct nd_conf_line *l);
