/* SPDX-License-Identifier: Apache-2.0 */
/* nofile.h - the limit of open descriptors, and the part of it that clients' connections may use.
 *
 * The rest is a reserve for listeners, upstreams, the API server, probes and files: connections of
 * clients alone cannot exhaust the descriptors of the process.
 *
 * Owns:    one process-wide count. Until nd_nofile_raise it has no maximum (tests, simulation).
 * Threads: nd_nofile_raise before threads start; everything else from any thread, without a lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	ND_NOFILE_MAX = 1 << 20,         /* the limit is not raised above it */
	ND_NOFILE_RESERVE_MIN = 256,     /* but at most half of the limit */
	ND_NOFILE_RESERVE_MAX = 1 << 14, /* in between: a quarter of the limit */
};

/* Raises the soft RLIMIT_NOFILE to the hard one, and sets the clients' part; child processes (fork)
 * get the soft limit of before, since a program may close every descriptor below it or use
 * select(2). 0 or -errno: the soft limit remains as it was, and the clients' part follows from it,
 * or (-ENOMEM) child processes get the raised one. */
int nd_nofile_raise(void);
/* The part of clients where `limit` descriptors may be open. */
uint32_t nd_nofile_share(uint64_t limit);
/* Upstreams need n more, or fewer, at most: the part of clients shrinks, but to no less than a
 * quarter of the limit. Connections that clients have already are kept. */
void nd_nofile_reserve(uint32_t n);
void nd_nofile_unreserve(uint32_t n);

/* For each connection of a client, before it is accepted or kept. False: the part is used up. */
bool nd_nofile_take(void);
void nd_nofile_give(void); /* its descriptor is closed */

uint32_t nd_nofile_used(void); /* taken */
uint32_t nd_nofile_max(void);  /* the clients' part */
