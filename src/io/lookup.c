/* SPDX-License-Identifier: Apache-2.0 */
/* A lookup has two parts: struct nd_lookup, which belongs to the loop, and struct job, which
 * belongs to a thread and lives until the resolver returns, cancelled or not. The job's lock guards
 * the wake that connects them. */
#include "io/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/thread.h"

enum { JOBS_MAX = 16 };

struct job {
	pthread_mutex_t lock;
	struct nd_wake *wake; /* NULL: cancelled */
	bool done;            /* the members below are set */
	int why;              /* result of getaddrinfo() */
	int system;           /* errno of EAI_SYSTEM */
	struct nd_addr addrs[ND_LOOKUP_ADDRS_MAX];
	size_t n;
	uint16_t port;
	char name[ND_LOOKUP_NAME_MAX + 1];
};

struct nd_lookup {
	struct job *job;
	struct nd_wake *wake;
	void (*on_end)(void *ctx, const struct nd_lookup_result *result);
	void *ctx;
};

static _Atomic unsigned jobs;

static void free_job(struct job *j)
{
	pthread_mutex_destroy(&j->lock);
	free(j);
	atomic_fetch_sub_explicit(&jobs, 1, memory_order_relaxed);
}

/* --- in the thread --- */

static void copy_addrs(struct job *j, const struct addrinfo *list)
{
	for (; list && j->n < ND_LOOKUP_ADDRS_MAX; list = list->ai_next) {
		struct nd_addr a = { .len = list->ai_addrlen };
		if (list->ai_addrlen > sizeof a.in6 ||
		    (list->ai_family != AF_INET && list->ai_family != AF_INET6))
			continue;
		memcpy(&a.sa, list->ai_addr, list->ai_addrlen);
		nd_addr_set_port(&a, j->port);
		j->addrs[j->n++] = a;
	}
	if (!j->n)
		j->why = EAI_NONAME;
}

static void run_job(void *arg)
{
	struct addrinfo *list = NULL, hints = { .ai_socktype = SOCK_STREAM };
	struct job *j = arg;

	j->why = getaddrinfo(j->name, NULL, &hints, &list);
	j->system = errno;
	if (!j->why)
		copy_addrs(j, list);
	if (list)
		freeaddrinfo(list);
	pthread_mutex_lock(&j->lock);
	bool wanted = j->wake;
	j->done = true;
	if (wanted)
		nd_wake_send(j->wake);
	pthread_mutex_unlock(&j->lock);
	if (!wanted)
		free_job(j);
}

/* --- on the loop --- */

/* Leaves the job to its thread, or frees it if the thread is done. */
static void drop(struct nd_lookup *l)
{
	struct job *j = l->job;

	pthread_mutex_lock(&j->lock);
	bool done = j->done;
	j->wake = NULL;
	pthread_mutex_unlock(&j->lock);
	if (done)
		free_job(j);
	nd_wake_free(l->wake);
	free(l);
}

static void on_wake(void *ctx)
{
	struct nd_lookup *l = ctx;
	struct job *j = l->job;

	/* Once we have held the lock, the thread no longer uses what we read. */
	pthread_mutex_lock(&j->lock);
	pthread_mutex_unlock(&j->lock);
	struct nd_lookup_result r = { .addrs = j->addrs, .n = j->why ? 0 : j->n };
	if (j->why)
		r.failed = j->why == EAI_SYSTEM ? nd_err_text(-j->system) : gai_strerror(j->why);
	l->on_end(l->ctx, &r);
	drop(l);
}

static int new_job(const char *name, uint16_t port, struct job **out)
{
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return -ENOMEM;
	if (atomic_fetch_add_explicit(&jobs, 1, memory_order_relaxed) >= JOBS_MAX) {
		atomic_fetch_sub_explicit(&jobs, 1, memory_order_relaxed);
		free(j);
		return ND_ELIMIT;
	}
	pthread_mutex_init(&j->lock, NULL);
	j->port = port;
	memcpy(j->name, name, strlen(name) + 1);
	*out = j;
	return 0;
}

static int start(struct nd_lookup *l, struct nd_loop *loop)
{
	l->wake = nd_wake_new(loop, on_wake, l);
	if (!l->wake)
		return -ENOMEM;
	l->job->wake = l->wake;
	return nd_thread_start_detached("nd-lookup", run_job, l->job);
}

int nd_lookup_start(struct nd_loop *loop, const char *name, uint16_t port,
		    void (*on_end)(void *ctx, const struct nd_lookup_result *result), void *ctx,
		    struct nd_lookup **out)
{
	if (!*name || strlen(name) > ND_LOOKUP_NAME_MAX)
		return ND_EFORMAT;
	struct nd_lookup *l = calloc(1, sizeof *l);
	if (!l)
		return -ENOMEM;
	l->on_end = on_end;
	l->ctx = ctx;
	int err = new_job(name, port, &l->job);
	if (!err) {
		err = start(l, loop);
		if (err)
			free_job(l->job);
	}
	if (err) {
		nd_wake_free(l->wake);
		free(l);
		return err;
	}
	*out = l;
	return 0;
}

void nd_lookup_cancel(struct nd_lookup *l)
{
	if (l)
		drop(l);
}
