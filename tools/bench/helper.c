/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/helper.h"

#include <errno.h>
#include <sched.h>
#include "io/thread.h"

enum { SPINS = 500 }; /* a few microseconds; after that, yield */

static void wait_sem(sem_t *s)
{
	while (sem_wait(s) < 0 && errno == EINTR)
		;
}

static void work(void *arg)
{
	struct nd_helper *m = arg;

	for (;;) {
		wait_sem(&m->go);
		if (!m->job)
			return;
		m->job(m->arg);
		sem_post(&m->done);
	}
}

int nd_helper_start(struct nd_helper *m)
{
	m->met = 0;
	sem_init(&m->go, 0, 0);
	sem_init(&m->done, 0, 0);
	return nd_thread_start("helper", work, m, &m->thread);
}

void nd_helper_run(struct nd_helper *m, void (*job)(void *arg), void *arg)
{
	m->job = job;
	m->arg = arg;
	sem_post(&m->go);
}

void nd_helper_wait(struct nd_helper *m)
{
	wait_sem(&m->done);
}

void nd_helper_stop(struct nd_helper *m)
{
	m->job = NULL;
	sem_post(&m->go);
	nd_thread_join(m->thread);
	sem_destroy(&m->go);
	sem_destroy(&m->done);
}

/* Each meeting adds two to the count and ends when both threads have added one. */
void nd_helper_meet(struct nd_helper *m)
{
	unsigned over = (atomic_fetch_add(&m->met, 1) & ~1u) + 2;

	for (unsigned i = 0; (int)(atomic_load(&m->met) - over) < 0; i++)
		if (i >= SPINS)
			sched_yield();
}
