/* SPDX-License-Identifier: Apache-2.0 */
/* kwalk.h - turns the index back into objects, without what it did not store. Put into an index
 * of the same configuration, they make the same index.
 *
 * Threads: control.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* Visits the objects, kinds in ascending order; each is borrowed for the call. Stops when visit
 * returns other than 0, and returns that. -ENOMEM. */
int nd_kwalk_objects(const struct nd_kindex *ix, int (*visit)(void *ctx, const struct nd_object *o),
		     void *ctx);
