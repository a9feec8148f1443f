/* SPDX-License-Identifier: Apache-2.0 */
/* kmemory.h - memory of the index: counted, limited, and freed only after its readers are gone.
 *
 * Threads: control.
 */
#pragma once

#include <stddef.h>

struct nd_kmemory {
	size_t used, max; /* bytes */
};

/* n zeroed bytes. NULL: the limit is reached or memory is out. */
void *nd_kmemory_new(struct nd_kmemory *m, size_t n);
/* For memory that was never published. Takes NULL. */
void nd_kmemory_free(struct nd_kmemory *m, void *p);
/* For memory that is no longer published: freed once no worker can read it. Takes NULL. */
void nd_kmemory_retire(struct nd_kmemory *m, void *p);
