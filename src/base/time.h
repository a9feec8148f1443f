/* SPDX-License-Identifier: Apache-2.0 */
/* time.h - units of time. Durations and points in time are nanoseconds in uint64_t unless the name
 * of a variable says otherwise. */
#pragma once

#include <stdint.h>

#define ND_NS_PER_S 1000000000u
#define ND_NS_PER_MS 1000000u
#define ND_S(n) ((n) * (uint64_t)ND_NS_PER_S)   /* seconds */
#define ND_MS(n) ((n) * (uint64_t)ND_NS_PER_MS) /* milliseconds */
