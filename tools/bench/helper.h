/* SPDX-License-Identifier: Apache-2.0 */
/* helper.h - a client's second thread, which runs one job at a time in parallel.
 *
 * Owns:    its thread. Embedded in the client.
 * Threads: the client's; nd_helper_meet() is for both threads.
 */
#pragma once

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct nd_thread;

struct nd_helper {
	struct nd_thread *thread;
	sem_t go, done;
	void (*job)(void *arg); /* NULL: exit */
	void *arg;
	_Atomic unsigned met;
};

/* Starts the thread: 0 or -errno. */
int nd_helper_start(struct nd_helper *m);
void nd_helper_stop(struct nd_helper *m);
/* Runs the job in the helper; wait for it before the next one. */
void nd_helper_run(struct nd_helper *m, void (*job)(void *arg), void *arg);
void nd_helper_wait(struct nd_helper *m);
/* A barrier: client and job both call it and leave it at the same moment, as nearly as two CPUs
 * allow. They spin, since a wake-up takes longer than the window of the race to be shown. */
void nd_helper_meet(struct nd_helper *m);
