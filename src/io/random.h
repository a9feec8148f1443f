/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - bytes from the kernel's CSPRNG, fetched ahead per thread. A door. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void nd_random_bytes(void *to, size_t n);
uint32_t nd_random_u32(void);
/* 0 .. n-1, evenly; n > 0. */
uint32_t nd_random_below(uint32_t n);
