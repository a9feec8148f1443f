/* SPDX-License-Identifier: Apache-2.0 */
/* kset.h - changes to EndpointSlices and to the group of the name they belong to.
 *
 * Threads: control.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* Adds or replaces a slice that belongs to the name `owner` in that scope; owner "": to none (any
 * more). 0 or -ENOMEM. */
int nd_kset_put(struct nd_kindex *ix, enum nd_kscope scope, const struct nd_object *o,
		const char *owner, struct nd_kupdate *update);
void nd_kset_remove(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kset *set);
/* At the end of a list of slices: checks the groups for duplicates that were not checked during
 * it. */
void nd_kset_check_groups(struct nd_kindex *ix, enum nd_kscope scope);
