/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rcu.h"

#include <stdlib.h>
#include <urcu/urcu-memb.h>

struct deferred {
	struct rcu_head head;
	void (*free_fn)(void *ptr);
	void *ptr;
};

void nd_rcu_register(void)
{
	urcu_memb_register_thread();
}

void nd_rcu_unregister(void)
{
	urcu_memb_unregister_thread();
}

void nd_rcu_read_lock(void)
{
	urcu_memb_read_lock();
}

void nd_rcu_read_unlock(void)
{
	urcu_memb_read_unlock();
}

void nd_rcu_synchronize(void)
{
	urcu_memb_synchronize_rcu();
}

static void run_deferred(struct rcu_head *head)
{
	struct deferred *d = (struct deferred *)head;
	d->free_fn(d->ptr);
	free(d);
}

void nd_rcu_defer(void (*free_fn)(void *ptr), void *ptr)
{
	struct deferred *d = malloc(sizeof *d);

	if (!d) { /* no room to remember it: wait here instead */
		urcu_memb_synchronize_rcu();
		free_fn(ptr);
		return;
	}
	d->free_fn = free_fn;
	d->ptr = ptr;
	urcu_memb_call_rcu(&d->head, run_deferred);
}

void nd_rcu_barrier(void)
{
	urcu_memb_barrier();
}
