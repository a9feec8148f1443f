/* SPDX-License-Identifier: Apache-2.0 */
#include "io/random.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include "base/err.h"

enum { AHEAD = 1024 };

/* bytes[at..AHEAD) are unused. forks: a child process must not use the same bytes as its parent. */
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
		/* Linux has getrandom(2) since 3.17; without it nothing here is safe. */
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
	memset(pool.bytes + pool.at, 0, n); /* do not keep used bytes */
	pool.at += n;
}

uint32_t nd_random_u32(void)
{
	uint32_t n;

	nd_random_bytes(&n, sizeof n);
	return n;
}

/* Lemire's method: the high half of the product is the result; the few low halves that would bias
 * it are rejected. */
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
