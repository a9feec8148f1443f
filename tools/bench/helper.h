/* SPDX-License-Identifier: Apache-2.0 */
/* helper.h - a client's second thread: a job handed over, done beside, waited for.
 *
 * Owns:    its thread. Embedded in the client.
 * Threads: run and wait by the client's; meet by both.
 */
#pragma once

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct nd_thread;

struct nd_helper {
	struct nd_thread *thread;
	sem_t go, done;
	void (*job)(void *arg); /* NULL: end */
	void *arg;
	_Atomic unsigned met;
};

/* 0 or -errno. */
int nd_helper_start(struct nd_helper *m);
void nd_helper_stop(struct nd_helper *m);
void nd_helper_run(struct nd_helper *m, void (*job)(void *arg), void *arg);
void nd_helper_wait(struct nd_helper *m);
/* Client and job both call it; they leave it at the same moment, as near as two processors allow:
 * awake, not by a wake-up, which takes longer than the race that is to be shown. */
void nd_helper_meet(struct nd_helper *m);
