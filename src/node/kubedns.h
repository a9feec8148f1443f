/* SPDX-License-Identifier: Apache-2.0 */
/* kubedns.h - the kube-dns ConfigMap, mounted as a folder with a file per key: stubDomains and
 * upstreamNameservers.
 *
 * Owns:    its text, in its own arena.
 * Threads: control.
 * Errors:  ND_ECONF, with a diag that names file, value and what is accepted; -errno of the folder.
 */
#pragma once

#include <stddef.h>
#include "base/arena.h"
#include "conf/diag.h"

enum { ND_KUBEDNS_SERVERS_MAX = 3 }; /* of upstreamNameservers, as in node-cache */

struct nd_kubedns_stub {
	const char *domain;
	const char *const *servers; /* IP or IP:port */
	size_t nservers;
};

struct nd_kubedns {
	struct nd_arena arena;
	struct nd_kubedns_stub *stubs; /* sorted by domain, so the Corefile is always the same */
	size_t nstubs;
	const char *upstreams[ND_KUBEDNS_SERVERS_MAX];
	size_t nupstreams;
};

/* Reads the folder; without the folder or its keys the result is empty. On success the caller
 * clears *out. */
int nd_kubedns_read(const char *folder, struct nd_kubedns *out, struct nd_diag *d);
void nd_kubedns_clear(struct nd_kubedns *k); /* takes a zeroed one */
