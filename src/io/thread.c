/* SPDX-License-Identifier: Apache-2.0 */
#include "io/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include "base/err.h"
#include "io/cpuquota.h"

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

int nd_thread_start(const char *name, void (*fn)(void *arg), void *arg, struct nd_thread **out)
{
	struct nd_thread *t = malloc(sizeof *t);
	sigset_t all, before;

	if (!t)
		return -ENOMEM;
	*t = (struct nd_thread){ .fn = fn, .arg = arg };
	/* A thread starts with its maker's mask: blocked from its first instruction. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&t->id, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		free(t);
		return -err;
	}
	ND_ASSERT(pthread_setname_np(t->id, name) != ERANGE);
	*out = t;
	return 0;
}

void nd_thread_join(struct nd_thread *t)
{
	pthread_join(t->id, NULL);
	free(t);
}

/* Processors in the affinity mask, whatever the size of the kernel's mask; 0 if it is not told. */
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
	unsigned cpus = allowed(), quota = nd_cpuquota_cpus("/proc/self/cgroup", "/sys/fs/cgroup");

	if (quota && (quota < cpus || !cpus))
		cpus = quota;
	return cpus ? cpus : 1;
}
