/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - what time it is. A door: the simulation has its own behind the same names. */
#pragma once

#include <stdint.h>
#include "base/time.h"

/* CLOCK_BOOTTIME in nanoseconds: never goes back, counts while the machine sleeps. On the way of a
 * query use nd_loop_now_ns(), which is read once a batch. */
uint64_t nd_clock_now_ns(void);
/* Unix time in nanoseconds. */
uint64_t nd_clock_wall_ns(void);
