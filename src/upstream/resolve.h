/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.h - the addresses of an upstream that is given by its host name, as CoreDNS looks them
 * up: once, when a configuration is loaded.
 *
 * Threads: any; blocks, in a loop of its own, for at most ND_RESOLVE_SYSTEM_MS, or
 *          ND_RESOLVE_SERVER_MS for each resolver. Not on the path of a query.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

enum {
	ND_RESOLVE_ADDRS_MAX = 32,
	ND_RESOLVE_TEXT_MAX = 512,
	ND_RESOLVE_SERVER_MS = 2000,
	ND_RESOLVE_SYSTEM_MS = 10000,
};

struct nd_resolve_result {
	struct nd_addr addr[ND_RESOLVE_ADDRS_MAX]; /* A, then AAAA; further ones are dropped */
	size_t n;
	char error[ND_RESOLVE_TEXT_MAX]; /* why n is 0 */
};

/* name: absolute, with or without the last dot. resolver: asked over UDP, one after the other until
 * one has an address; with nresolvers 0 the system's are (getaddrinfo). */
void nd_resolve_host(const char *name, uint16_t port, const struct nd_addr *resolver,
		     size_t nresolvers, struct nd_resolve_result *out);
