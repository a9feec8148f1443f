/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_ring.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/time.h"

enum { LAST_BYTES = 2304 }; /* longer lines are not compared */

struct nd_log_ring {
	pthread_t thread;
	pthread_mutex_t lock;    /* guards what follows but `dropped`; never held during a write */
	pthread_cond_t filled;   /* there is something to write, or `stopping` */
	pthread_cond_t drained;  /* everything is written */
	size_t cap, start, used; /* bytes of data[]; used ones begin at start and may wrap */
	bool writing, stopping;
	bool losing;         /* lines were dropped since the ring was empty last */
	uint64_t unreported; /* lines dropped since the last report */
	uint64_t repeated;   /* lines equal to last[] since it was stored */
	size_t last_len;     /* the line stored last, while `losing`; 0: none */
	char last[LAST_BYTES];
	int fd;
	_Atomic uint64_t dropped;
	char chunk[ND_LOG_RING_WRITE_BYTES]; /* the thread's */
	char data[];
};

/* --- the ring; the lock is held --- */

static bool has_room(const struct nd_log_ring *r, size_t n)
{
	return n <= r->cap - r->used;
}

static void append(struct nd_log_ring *r, const char *bytes, size_t n)
{
	size_t at = (r->start + r->used) % r->cap;
	size_t first = n < r->cap - at ? n : r->cap - at;

	memcpy(r->data + at, bytes, first);
	memcpy(r->data, bytes + first, n - first);
	r->used += n;
}

/* Up to a chunk, into chunk[]. An empty ring begins at its start again, so that a quiet process
 * does not touch all of its pages. */
static size_t take(struct nd_log_ring *r)
{
	size_t n = r->used < sizeof r->chunk ? r->used : sizeof r->chunk;
	size_t first = n < r->cap - r->start ? n : r->cap - r->start;

	memcpy(r->chunk, r->data + r->start, first);
	memcpy(r->chunk + first, r->data, n - first);
	r->used -= n;
	r->start = r->used ? (r->start + n) % r->cap : 0;
	return n;
}

static void report_repeats(struct nd_log_ring *r)
{
	char line[80];

	if (!r->repeated)
		return;
	int n = snprintf(line, sizeof line, "[WARNING] log: last line repeated %llu times\n",
			 (unsigned long long)r->repeated);
	if (!has_room(r, (size_t)n))
		return;
	append(r, line, (size_t)n);
	r->repeated = 0;
}

/* The reader has caught up: what was lost is said, and lines are no longer folded. */
static void end_of_loss(struct nd_log_ring *r)
{
	char line[120];

	report_repeats(r);
	int n = snprintf(line, sizeof line,
			 "[WARNING] log: %llu lines dropped: standard output was not read in time\n",
			 (unsigned long long)r->unreported);
	if (r->unreported)
		append(r, line, (size_t)n);
	r->unreported = 0;
	r->losing = false;
	r->last_len = 0;
}

static uint64_t count_lines(const char *lines, size_t n)
{
	uint64_t count = 0;

	for (const char *at = lines; (at = memchr(at, '\n', n - (size_t)(at - lines)));) {
		count++;
		at++;
	}
	return count;
}

/* While lines are being lost: true if these are the line stored last, and then they are counted. */
static bool fold(struct nd_log_ring *r, const char *lines, size_t n)
{
	if (n == r->last_len && memcmp(r->last, lines, n) == 0) {
		r->repeated++;
		return true;
	}
	report_repeats(r);
	return false;
}

static void remember(struct nd_log_ring *r, const char *lines, size_t n)
{
	r->last_len = n <= sizeof r->last ? n : 0;
	memcpy(r->last, lines, r->last_len);
}

void nd_log_ring_put(struct nd_log_ring *r, const char *lines, size_t n)
{
	pthread_mutex_lock(&r->lock);
	if (!r->losing || !fold(r, lines, n)) {
		if (has_room(r, n)) {
			append(r, lines, n);
			remember(r, lines, n);
		} else {
			uint64_t count = count_lines(lines, n);
			r->losing = true;
			r->unreported += count;
			atomic_fetch_add_explicit(&r->dropped, count, memory_order_relaxed);
		}
	}
	if (!r->writing)
		pthread_cond_signal(&r->filled);
	pthread_mutex_unlock(&r->lock);
}

uint64_t nd_log_ring_dropped(struct nd_log_ring *r)
{
	return atomic_load_explicit(&r->dropped, memory_order_relaxed);
}

/* --- the thread --- */

/* A reader that has gone, or a descriptor that is closed or non-blocking and full: the rest is
 * dropped. */
static void write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(fd, bytes, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		bytes += done;
		n -= (size_t)done;
	}
}

static void *run(void *arg)
{
	struct nd_log_ring *r = arg;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		if (!r->used && r->losing)
			end_of_loss(r);
		if (r->used) {
			size_t n = take(r);
			r->writing = true;
			pthread_mutex_unlock(&r->lock);
			write_all(r->fd, r->chunk, n);
			pthread_mutex_lock(&r->lock);
			r->writing = false;
			continue;
		}
		pthread_cond_broadcast(&r->drained);
		if (r->stopping)
			break;
		pthread_cond_wait(&r->filled, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int nd_log_ring_start(int fd, size_t bytes, struct nd_log_ring **out)
{
	struct nd_log_ring *r = malloc(sizeof *r + bytes);
	pthread_condattr_t monotonic;
	sigset_t all, before;

	if (!r)
		return -ENOMEM;
	memset(r, 0, offsetof(struct nd_log_ring, chunk)); /* the buffers' pages stay untouched */
	r->cap = bytes;
	r->fd = fd;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->filled, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->drained, &monotonic);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		free(r);
		return -err;
	}
	pthread_setname_np(r->thread, "log");
	*out = r;
	return 0;
}

/* With the lock: waits until the ring is empty and written. */
static bool wait_drained(struct nd_log_ring *r, uint32_t wait_ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	uint64_t ns = (uint64_t)end.tv_nsec + ND_MS(wait_ms);
	end.tv_sec += (time_t)(ns / ND_NS_PER_S);
	end.tv_nsec = (long)(ns % ND_NS_PER_S);
	while (r->used || r->writing || r->losing)
		if (pthread_cond_timedwait(&r->drained, &r->lock, &end) == ETIMEDOUT)
			return false;
	return true;
}

bool nd_log_ring_stop(struct nd_log_ring *r, uint32_t wait_ms)
{
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->filled);
	bool done = wait_drained(r, wait_ms);
	pthread_mutex_unlock(&r->lock);
	if (!done) {
		pthread_detach(r->thread);
		return false;
	}
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->filled);
	pthread_cond_destroy(&r->drained);
	free(r);
	return true;
}
