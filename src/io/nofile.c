/* SPDX-License-Identifier: Apache-2.0 */
#include "io/nofile.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include "base/err.h"

static _Atomic uint32_t used, reserved, most = UINT32_MAX;
static _Atomic uint32_t limit_now; /* 0: not known yet */
static struct rlimit inherited;    /* before it was raised */

uint32_t nd_nofile_share(uint64_t limit)
{
	uint64_t reserve = limit / 4;

	if (limit > ND_NOFILE_MAX)
		limit = ND_NOFILE_MAX;
	if (reserve < ND_NOFILE_RESERVE_MIN)
		reserve = ND_NOFILE_RESERVE_MIN;
	if (reserve > limit / 2)
		reserve = limit / 2;
	if (reserve > ND_NOFILE_RESERVE_MAX)
		reserve = ND_NOFILE_RESERVE_MAX;
	return (uint32_t)(limit - reserve);
}

/* The share, or less where upstreams need more than the usual reserve; at least a quarter. */
static void set_most(void)
{
	uint32_t limit = atomic_load_explicit(&limit_now, memory_order_relaxed);
	uint32_t need = atomic_load_explicit(&reserved, memory_order_relaxed);
	uint32_t share = nd_nofile_share(limit), least = limit / 4;

	if (!limit)
		return;
	need += limit < 2 * ND_NOFILE_RESERVE_MIN ? limit / 2 : ND_NOFILE_RESERVE_MIN;
	if (need > limit - least)
		share = least;
	else if (share > limit - need)
		share = limit - need;
	atomic_store_explicit(&most, share, memory_order_relaxed);
}

/* In a child process, between fork and exec: what can be called there is limited, but this is one
 * system call. */
static void restore(void)
{
	setrlimit(RLIMIT_NOFILE, &inherited);
}

int nd_nofile_raise(void)
{
	struct rlimit now, want;
	int err = 0;

	if (getrlimit(RLIMIT_NOFILE, &now))
		return -errno;
	want = now;
	if (want.rlim_cur < want.rlim_max && want.rlim_cur < ND_NOFILE_MAX)
		want.rlim_cur = want.rlim_max < ND_NOFILE_MAX ? want.rlim_max : ND_NOFILE_MAX;
	if (want.rlim_cur != now.rlim_cur && setrlimit(RLIMIT_NOFILE, &want)) {
		err = -errno;
		want = now;
	}
	if (want.rlim_cur != now.rlim_cur && !inherited.rlim_max) {
		inherited = now;
		err = -pthread_atfork(NULL, NULL, restore);
	}
	uint32_t limit = want.rlim_cur < ND_NOFILE_MAX ? (uint32_t)want.rlim_cur : ND_NOFILE_MAX;
	atomic_store_explicit(&limit_now, limit, memory_order_relaxed);
	set_most();
	return err;
}

void nd_nofile_reserve(uint32_t n)
{
	atomic_fetch_add_explicit(&reserved, n, memory_order_relaxed);
	set_most();
}

void nd_nofile_unreserve(uint32_t n)
{
	atomic_fetch_sub_explicit(&reserved, n, memory_order_relaxed);
	set_most();
}

bool nd_nofile_take(void)
{
	uint32_t was = atomic_load_explicit(&used, memory_order_relaxed);

	do {
		if (was >= nd_nofile_max())
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&used, &was, was + 1, memory_order_relaxed,
							memory_order_relaxed));
	return true;
}

void nd_nofile_give(void)
{
	uint32_t was = atomic_fetch_sub_explicit(&used, 1, memory_order_relaxed);

	ND_ASSERT(was > 0);
}

uint32_t nd_nofile_used(void)
{
	return atomic_load_explicit(&used, memory_order_relaxed);
}

uint32_t nd_nofile_max(void)
{
	return atomic_load_explicit(&most, memory_order_relaxed);
}
