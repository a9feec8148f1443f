/* SPDX-License-Identifier: Apache-2.0 */
/* kput.h - the writing side of the index: one object in, one out, and the sweep after a list.
 *
 * What readers see changes by one pointer at a time; what they saw is retired. A failure (no
 * memory, or the index's maximum) leaves what was there; taking out never fails. Threads: control.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* Adds or replaces an object; *update comes zeroed. An object whose name cannot be in a DNS name is
 * skipped. 0 or -ENOMEM. */
int nd_kput_object(struct nd_kindex *ix, const struct nd_object *o, struct nd_kupdate *update);
/* False if there was none. */
bool nd_kput_remove(struct nd_kindex *ix, enum nd_object_kind kind, const char *namespace,
		    const char *name);
/* Removes what the last list of that kind did not name; true if that was something. */
bool nd_kput_sweep(struct nd_kindex *ix, enum nd_object_kind kind);
