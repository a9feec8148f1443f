/* SPDX-License-Identifier: Apache-2.0 */
/* ksink.h - an index from its creation to its end, and the sink that fills it.
 *
 * The sink (nd_kindex.sink) puts each object in, removes it, and removes after a list what the list
 * did not contain; it counts what it could not use and advances the zones' serials.
 *
 * Threads: control.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* NULL: out of memory. */
struct nd_kindex *nd_ksink_new(const struct nd_kindex_config *config);
/* No reader may be left. Takes NULL. */
void nd_ksink_free(struct nd_kindex *ix);
