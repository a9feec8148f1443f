/* SPDX-License-Identifier: Apache-2.0 */
/* kwalk.h - the objects that the index was made of, as far as it kept them: put into an index of
 * the same configuration they make the same one. Control thread.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* One object at a time, borrowed for the call, kinds in ascending order. Ends early when visit says
 * other than 0, and gives that back; -ENOMEM. */
int nd_kwalk_objects(const struct nd_kindex *ix, int (*visit)(void *ctx, const struct nd_object *o),
		     void *ctx);
