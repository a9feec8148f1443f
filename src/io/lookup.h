/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.h - addresses of a host name, by the host's own resolver (getaddrinfo). A door.
 *
 * Owns:    nd_lookup is heap and frees itself after on_end.
 * Threads: the loop's own. The resolver waits in a thread that nobody waits for: one that hangs
 * (its name server may be this very process, on its way up or down) keeps neither the loop nor the
 * process's end waiting. libuv's pool would: a process does not end before its threads do. Bounds:
 * 16 names at a time in the process, those that were cancelled and still hang among them; more is
 * ND_ELIMIT.
 */
#pragma once

#include <stddef.h>
#include "base/addr.h"
#include "io/loop.h"

struct nd_lookup;

enum { ND_LOOKUP_ADDRS_MAX = 8, ND_LOOKUP_NAME_MAX = 255 };

struct nd_lookup_result {
	const char *failed; /* the resolver's words; NULL: it is found */
	const struct nd_addr *addrs;
	size_t n; /* at least one if it is found; in the order in which they should be tried */
};

/* 0, and on_end comes once, not from inside; or -errno, ND_ELIMIT, ND_EFORMAT (no name), and
 * nothing comes. */
int nd_lookup_start(struct nd_loop *loop, const char *name, uint16_t port,
		    void (*on_end)(void *ctx, const struct nd_lookup_result *result), void *ctx,
		    struct nd_lookup **out);
/* on_end does not come. Takes NULL; not from inside on_end. */
void nd_lookup_cancel(struct nd_lookup *l);
