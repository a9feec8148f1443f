/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rcu.h"

#include <stdlib.h>
#include <urcu/urcu-memb.h>

/* ThreadSanitizer cannot see the ordering done by liburcu (membarrier, in a library built without
 * it), so it is annotated here: a reader's accesses happen before anything that runs after its
 * read_unlock. A read outside the lock is still found. */
#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

#ifdef TSAN
#include <sanitizer/tsan_interface.h>
static char gate;
#define comes_before(at) __tsan_release(at)
#define comes_after(at) __tsan_acquire(at)
#else
static const char gate;
#define comes_before(at) ((void)(at))
#define comes_after(at) ((void)(at))
#endif

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
	comes_before(&gate);
	urcu_memb_read_unlock();
}

void nd_rcu_synchronize(void)
{
	urcu_memb_synchronize_rcu();
	comes_after(&gate);
}

static void run_deferred(struct rcu_head *head)
{
	struct deferred *d = (struct deferred *)head;

	comes_after(&gate);
	comes_after(d);
	d->free_fn(d->ptr);
	free(d);
}

void nd_rcu_defer(void (*free_fn)(void *ptr), void *ptr)
{
	struct deferred *d = malloc(sizeof *d);

	if (!d) { /* no memory to defer it: wait here */
		nd_rcu_synchronize();
		free_fn(ptr);
		return;
	}
	d->free_fn = free_fn;
	d->ptr = ptr;
	comes_before(d);
	urcu_memb_call_rcu(&d->head, run_deferred);
}

void nd_rcu_barrier(void)
{
	urcu_memb_barrier();
}
