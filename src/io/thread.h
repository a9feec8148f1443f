/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - starting threads; the number of usable CPUs.
 *
 * Owns:    nd_thread is heap, freed by join.
 * Threads: any may call.
 */
#pragma once

struct nd_thread;

/* name: at most 15 characters. 0 or -errno. All signals are blocked in the new thread. */
int nd_thread_start(const char *name, void (*fn)(void *arg), void *arg, struct nd_thread **out);
/* Waits until the thread ends, and frees t. */
void nd_thread_join(struct nd_thread *t);
/* As start, but detached: it may outlive its creator, and ends with the process at the latest. */
int nd_thread_start_detached(const char *name, void (*fn)(void *arg), void *arg);
/* Usable CPUs: the smaller of the affinity mask and the cgroup's quota (rounded up). At least 1. */
unsigned nd_thread_cpus(void);
