/* SPDX-License-Identifier: Apache-2.0 */
/* kubedns.h - the kube-dns ConfigMap, mounted as a folder with a file a key: stubDomains and
 * upstreamNameservers.
 *
 * Owns:    its text, in an arena of its own.
 * Threads: control.
 * Errors:  ND_ECONF, the diag names file, value and what would be right; -errno of the folder.
 */
#pragma once

#include <stddef.h>
#include "base/arena.h"
#include "conf/diag.h"

enum { ND_KUBEDNS_SERVERS_MAX = 3 }; /* as node-cache: of upstreamNameservers */

struct nd_kubedns_stub {
	const char *domain;
	const char *const *servers; /* IP or IP:port */
	size_t nservers;
};

struct nd_kubedns {
	struct nd_arena arena;
	struct nd_kubedns_stub *stubs; /* by domain, so that the Corefile is the same each time */
	size_t nstubs;
	const char *upstreams[ND_KUBEDNS_SERVERS_MAX];
	size_t nupstreams;
};

/* Reads the folder; no such folder, or none of the keys: an empty one. *out is cleared by the
 * caller, on success. */
int nd_kubedns_read(const char *folder, struct nd_kubedns *out, struct nd_diag *d);
void nd_kubedns_clear(struct nd_kubedns *k); /* takes a zeroed one */
