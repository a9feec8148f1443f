/* SPDX-License-Identifier: Apache-2.0 */
/* kmemory.h - the index's memory: counted, with a maximum from birth, given back after the readers.
 */
#pragma once

#include <stddef.h>

struct nd_kmemory {
	size_t used, max; /* bytes */
};

/* n zeroed bytes, or NULL: over the maximum, or none left. */
void *nd_kmemory_new(struct nd_kmemory *m, size_t n);
/* Was never published. Takes NULL. */
void nd_kmemory_free(struct nd_kmemory *m, void *p);
/* Was published, and is not any more: freed when no worker can hold it. Takes NULL. */
void nd_kmemory_retire(struct nd_kmemory *m, void *p);
