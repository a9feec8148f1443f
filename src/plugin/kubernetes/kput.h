/* SPDX-License-Identifier: Apache-2.0 */
/* kput.h - changes to the index: adds, replaces and removes objects, and sweeps after a list.
 *
 * Readers see a change as one new pointer; the old block is retired. If memory is out or the index
 * is full, the old state remains. Removing never fails.
 *
 * Threads: control.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* A list of the kind begins: objects that it does not contain are swept at its end. */
void nd_kput_begin(struct nd_kindex *ix, enum nd_object_kind kind);
/* Adds or replaces an object; the caller zeroes *update. Skips an object that cannot be named in
 * DNS. 0 or -ENOMEM. */
int nd_kput_object(struct nd_kindex *ix, const struct nd_object *o, struct nd_kupdate *update);
/* False: there was no such object. */
bool nd_kput_remove(struct nd_kindex *ix, enum nd_object_kind kind, const char *namespace,
		    const char *name);
/* Removes the objects of a kind that its last list did not contain. True: at least one. */
bool nd_kput_sweep(struct nd_kindex *ix, enum nd_object_kind kind);
