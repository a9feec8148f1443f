/* SPDX-License-Identifier: Apache-2.0 */
/* flags.h - the command line of bench.
 *
 * Owns:    nothing; texts are argv's.
 * Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { ND_FLAGS_SERVERS = 3, ND_FLAGS_WHY = 384 };

struct nd_flags {
	const char *host, *style, *resolv, *options, *queries;
	const char *server[ND_FLAGS_SERVERS];
	unsigned servers;
	uint64_t clients, seconds, limit_ms, rate, lookups, port;
	bool json, quiet, help;
};

/* 0, or ND_EFORMAT with a message in why. Takes one dash or two, `-x 1` or `-x=1`. */
int nd_flags_parse(struct nd_flags *f, int argc, char **argv, char why[ND_FLAGS_WHY]);
void nd_flags_usage(FILE *to);
