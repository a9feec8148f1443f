/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - monotonic and wall-clock time. A door.
 *
 * Threads: any.
 */
#pragma once

#include <stdint.h>
#include "base/time.h"

/* CLOCK_BOOTTIME in nanoseconds: monotonic, and counts while the machine is suspended. On the path
 * of a query use nd_loop_now_ns(), which is read once per batch. */
uint64_t nd_clock_now_ns(void);
/* Unix time in nanoseconds. */
uint64_t nd_clock_wall_ns(void);
