/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - starting threads, and how many make sense here. */
#pragma once

struct nd_thread;

/* name: at most 15 characters. 0 or -errno. All signals are blocked in it. */
int nd_thread_start(const char *name, void (*fn)(void *arg), void *arg, struct nd_thread **out);
/* Waits for its end, frees. */
void nd_thread_join(struct nd_thread *t);
/* As start, but nobody waits for its end: it may outlive whoever started it, and ends with the
 * process. */
int nd_thread_leave(const char *name, void (*fn)(void *arg), void *arg);
/* Processors that may be used: affinity, and the cgroup's quota (v1 and v2) rounded up. At least 1.
 */
unsigned nd_thread_cpus(void);
