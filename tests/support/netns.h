/* SPDX-License-Identifier: Apache-2.0 */
/* netns.h - a network namespace for the rest of this process: what a test does to links and rules
 * stays in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* 0, or -errno with a line on standard error why there is none: the test then calls skip(). */
int nd_netns_enter(void);
/* Runs the command with /bin/sh; its standard output, at most n - 1 octets. Fails the test if it
 * fails. */
void nd_netns_run(const char *command, char *out, size_t n);
