/* SPDX-License-Identifier: Apache-2.0 */
/* kset.h - the writing side of EndpointSlices: a slice in, a slice out, and the group of its name.
 * Control thread. */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* The slice of an object belongs to the name `owner` of that scope ("": to none any more). 0 or
 * -ENOMEM. */
int nd_kset_put(struct nd_kindex *ix, enum nd_kscope scope, const struct nd_object *o,
		const char *owner, struct nd_kupdate *update);
void nd_kset_remove(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kset *set);
