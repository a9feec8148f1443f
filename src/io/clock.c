/* SPDX-License-Identifier: Apache-2.0 */
#include "io/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * ND_NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t nd_clock_now_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t nd_clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}
