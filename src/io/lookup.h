/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.h - resolves a host name with the system's resolver (getaddrinfo). A door.
 *
 * Owns:    nd_lookup is heap and frees itself after on_end.
 * Threads: the loop's own. The resolver blocks in a detached thread. If it hangs (its name server
 * may be this process, starting or stopping), it delays neither the loop nor process exit; libuv's
 * thread pool would delay exit. Bounds:  16 lookups at a time per process, including cancelled ones
 * that still hang; beyond that ND_ELIMIT.
 */
#pragma once

#include <stddef.h>
#include "base/addr.h"
#include "io/loop.h"

struct nd_lookup;

enum { ND_LOOKUP_ADDRS_MAX = 8, ND_LOOKUP_NAME_MAX = 255 };

struct nd_lookup_result {
	const char *failed; /* the resolver's error text; NULL: found */
	const struct nd_addr *addrs;
	size_t n; /* >= 1 if found; in the order to try them */
};

/* 0: on_end is called once, later. -errno, ND_ELIMIT or ND_EFORMAT (invalid name): not called. */
int nd_lookup_start(struct nd_loop *loop, const char *name, uint16_t port,
		    void (*on_end)(void *ctx, const struct nd_lookup_result *result), void *ctx,
		    struct nd_lookup **out);
/* on_end is not called. NULL is fine. Not from on_end. */
void nd_lookup_cancel(struct nd_lookup *l);
