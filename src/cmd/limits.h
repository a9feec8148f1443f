/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h - the limits of the process: open descriptors, memory.
 *
 * Threads: control, before any other thread.
 */
#pragma once

#include <stdbool.h>

/* Raises the limit of descriptors, and sets the memory budget (base/budget.h) from memory_limit,
 * the value of -memory-limit, or from the cgroup if it is NULL. quiet: without the log line about
 * the budget. False, after a message on standard error, if the value is invalid. */
bool nd_limits_apply(const char *memory_limit, bool quiet);
