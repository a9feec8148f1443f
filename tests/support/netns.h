/* SPDX-License-Identifier: Apache-2.0 */
/* netns.h - a network namespace for the rest of this process: a test's links and rules exist only
 * in it.
 *
 * Threads: call it before the process starts any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* 0, or -errno with the reason on standard error; the test then calls skip(). */
int nd_netns_enter(void);
/* Runs the command with /bin/sh, and stores at most n - 1 bytes of its standard output. Fails the
 * test if the command fails. */
void nd_netns_run(const char *command, char *out, size_t n);
