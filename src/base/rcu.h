/* SPDX-License-Identifier: Apache-2.0 */
/* rcu.h - publish, read without a lock, free after the readers have gone (liburcu, memb).
 *
 * Readers: a thread registers itself once, then brackets each batch of work with
 *          read_lock/unlock. What it got inside lives until unlock.
 * Writers: one at a time for each published pointer (all of ours: the control thread).
 */
#pragma once

void nd_rcu_register(void);
void nd_rcu_unregister(void);

void nd_rcu_read_lock(void);
void nd_rcu_read_unlock(void);

/* Waits until no reader can hold what was unpublished before. Never on a worker. */
void nd_rcu_synchronize(void);
/* Calls free_fn(ptr) once no reader can hold it; on a helper thread of liburcu's. */
void nd_rcu_defer(void (*free_fn)(void *ptr), void *ptr);
/* Waits for all deferred calls; before exit. */
void nd_rcu_barrier(void);

#define nd_rcu_publish(slot, value) __atomic_store_n(&(slot), (value), __ATOMIC_RELEASE)
#define nd_rcu_get(slot) __atomic_load_n(&(slot), __ATOMIC_ACQUIRE)
