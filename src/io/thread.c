/* SPDX-License-Identifier: Apache-2.0 */
#include "io/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include "base/err.h"
#include "io/cgroup.h"

struct nd_thread {
	pthread_t id;
	void (*fn)(void *arg);
	void *arg;
};

static void *run(void *arg)
{
	struct nd_thread *t = arg;

	t->fn(t->arg);
	return NULL;
}

static void *run_detached(void *arg)
{
	struct nd_thread t = *(struct nd_thread *)arg;

	free(arg);
	t.fn(t.arg);
	return NULL;
}

/* 0 or -errno. After success t may belong to the thread. */
static int create(const char *name, struct nd_thread *t, void *(*body)(void *arg), pthread_t *id)
{
	sigset_t all, before;

	/* A thread inherits its creator's mask, so signals are blocked from its first
	 * instruction. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(id, NULL, body, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		ND_ASSERT(pthread_setname_np(*id, name) != ERANGE);
	return -err;
}

int nd_thread_start(const char *name, void (*fn)(void *arg), void *arg, struct nd_thread **out)
{
	struct nd_thread *t = malloc(sizeof *t);

	if (!t)
		return -ENOMEM;
	*t = (struct nd_thread){ .fn = fn, .arg = arg };
	int err = create(name, t, run, &t->id);
	if (err) {
		free(t);
		return err;
	}
	*out = t;
	return 0;
}

int nd_thread_start_detached(const char *name, void (*fn)(void *arg), void *arg)
{
	struct nd_thread *t = malloc(sizeof *t);
	pthread_t id;

	if (!t)
		return -ENOMEM;
	*t = (struct nd_thread){ .fn = fn, .arg = arg };
	int err = create(name, t, run_detached, &id);
	if (err)
		free(t);
	else
		pthread_detach(id);
	return err;
}

void nd_thread_join(struct nd_thread *t)
{
	pthread_join(t->id, NULL);
	free(t);
}

/* The number of CPUs in the affinity mask, of any size; 0 if it cannot be read. */
static unsigned allowed(void)
{
	for (int max = 1024; max <= 1 << 20; max *= 4) {
		size_t bytes = CPU_ALLOC_SIZE(max);
		cpu_set_t *set = CPU_ALLOC(max);
		if (!set)
			return 0;
		int err = sched_getaffinity(0, bytes, set) < 0 ? errno : 0;
		int n = err ? 0 : CPU_COUNT_S(bytes, set);
		CPU_FREE(set);
		if (err != EINVAL) /* EINVAL: the kernel's mask is larger */
			return (unsigned)n;
	}
	return 0;
}

unsigned nd_thread_cpus(void)
{
	unsigned cpus = allowed(), quota = nd_cgroup_cpus(ND_CGROUP_MEMBERSHIP, ND_CGROUP_ROOT);

	if (quota && (quota < cpus || !cpus))
		cpus = quota;
	return cpus ? cpus : 1;
}
