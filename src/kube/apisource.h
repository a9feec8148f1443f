/* SPDX-License-Identifier: Apache-2.0 */
/* apisource.h - keeps a sink equal to an API server's objects: one client, one watch per kind.
 * (source.h does it for manifests.)
 *
 * A pod whose phase says that it has ended is removed from the sink, as in CoreDNS.
 *
 * Owns:    nd_apisource is heap; its configuration and sink are borrowed and outlive it.
 * Threads: control.
 */
#pragma once

#include "kube/watch.h"

struct nd_apisource;

struct nd_apisource_config {
	struct nd_config api;
	struct nd_client_limits limits;
	struct nd_sink *sink;
	bool wanted[ND_OBJECT_KINDS];
	const char *labels;           /* Services, slices, pods; NULL: all */
	const char *namespace_labels; /* Namespaces, ServiceImports; NULL: all */
	/* good: all kinds are listed and connected (again); text is the server's host. Otherwise
	 * text is the error; each code is reported once until all is good again. The last good
	 * state is kept. */
	void (*report)(void *ctx, bool good, const char *text);
	void *ctx;
};

/* 0, or ND_ECONF with the diag set. Does not block: objects arrive through the loop. */
int nd_apisource_new(struct nd_loop *loop, const struct nd_apisource_config *config,
		     struct nd_apisource **out, struct nd_diag *d);
void nd_apisource_free(struct nd_apisource *s);         /* takes NULL */
bool nd_apisource_synced(const struct nd_apisource *s); /* every wanted kind has been listed */
bool nd_apisource_wants(const struct nd_apisource *s, enum nd_object_kind kind);
const struct nd_apicount *nd_apisource_count(const struct nd_apisource *s);
/* All zero for a kind that is not wanted. */
struct nd_watch_state nd_apisource_state(const struct nd_apisource *s, enum nd_object_kind kind);
