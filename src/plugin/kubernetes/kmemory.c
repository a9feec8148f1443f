/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kmemory.h"

#include <malloc.h>
#include <stdlib.h>
#include "base/rcu.h"

void *nd_kmemory_new(struct nd_kmemory *m, size_t n)
{
	if (n > m->max || m->used > m->max - n)
		return NULL;
	void *p = calloc(1, n);
	if (p)
		m->used += malloc_usable_size(p);
	return p;
}

void nd_kmemory_free(struct nd_kmemory *m, void *p)
{
	m->used -= p ? malloc_usable_size(p) : 0;
	free(p);
}

void nd_kmemory_retire(struct nd_kmemory *m, void *p)
{
	if (!p)
		return;
	m->used -= malloc_usable_size(p);
	nd_rcu_defer(free, p);
}
