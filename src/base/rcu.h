/* SPDX-License-Identifier: Apache-2.0 */
/* rcu.h - read-copy-update: publish a pointer, read it without a lock, free it after all readers
 * are done (liburcu, memb flavour).
 *
 * Readers: a thread registers once, then brackets each batch of work with read_lock/unlock.
 *          A pointer read inside is valid until unlock.
 * Writers: one at a time per published pointer (all of ours run on the control thread).
 */
#pragma once

#include <stdatomic.h>

void nd_rcu_register(void);
void nd_rcu_unregister(void);

void nd_rcu_read_lock(void);
void nd_rcu_read_unlock(void);

/* Waits until no reader can hold a pointer unpublished before this call. Never on a worker. */
void nd_rcu_synchronize(void);
/* Calls free_fn(ptr) once no reader can hold ptr, on liburcu's helper thread. */
void nd_rcu_defer(void (*free_fn)(void *ptr), void *ptr);
/* Waits for all deferred calls. Call it before exit. */
void nd_rcu_barrier(void);

/* A published slot has an _Atomic type, `struct x *_Atomic now`. Readers use nd_rcu_get(); the
 * writer may also read it plainly. */
#define nd_rcu_publish(slot, value) atomic_store_explicit(&(slot), (value), memory_order_release)
#define nd_rcu_get(slot) atomic_load_explicit(&(slot), memory_order_acquire)
