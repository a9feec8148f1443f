/* SPDX-License-Identifier: Apache-2.0 */
#include "io/random.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include "base/err.h"

enum { AHEAD = 1024 };

/* bytes[at..AHEAD) are unused. A child process must not hand out what its parent does. */
static _Thread_local struct {
	uint8_t bytes[AHEAD];
	size_t at;
	unsigned forks;
} pool = { .at = AHEAD };

static unsigned forks;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
	forks++;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

static void fill(uint8_t *to, size_t n)
{
	while (n) {
		ssize_t got = getrandom(to, n, 0);
		/* Nothing that we do is safe without it, and since Linux 3.17 it is there. */
		ND_ASSERT(got > 0 || errno == EINTR);
		if (got > 0) {
			to += got;
			n -= (size_t)got;
		}
	}
}

static void refill(void)
{
	pthread_once(&watch_once, watch_forks);
	fill(pool.bytes, AHEAD);
	pool.at = 0;
	pool.forks = forks;
}

void nd_random_bytes(void *to, size_t n)
{
	if (n > AHEAD / 4) {
		fill(to, n);
		return;
	}
	if (n > AHEAD - pool.at || pool.forks != forks)
		refill();
	memcpy(to, pool.bytes + pool.at, n);
	memset(pool.bytes + pool.at, 0, n); /* what was handed out is not kept */
	pool.at += n;
}

uint32_t nd_random_u32(void)
{
	uint32_t n;

	nd_random_bytes(&n, sizeof n);
	return n;
}

/* Lemire's multiplication: the high half is the result; the few low halves that would make some
 * results likelier are drawn again. */
uint32_t nd_random_below(uint32_t n)
{
	uint64_t product = (uint64_t)nd_random_u32() * n;

	if ((uint32_t)product < n) {
		uint32_t uneven = -n % n;
		while ((uint32_t)product < uneven)
			product = (uint64_t)nd_random_u32() * n;
	}
	return (uint32_t)(product >> 32);
}
