/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - bytes from the kernel's CSPRNG, buffered per thread. A door.
 *
 * Threads: any; safe after fork().
 * Errors:  none; the process aborts if the kernel has no random numbers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

void nd_random_bytes(void *to, size_t n);
uint32_t nd_random_u32(void);
/* 0 to n - 1, uniformly; n > 0. */
uint32_t nd_random_below(uint32_t n);
