/* SPDX-License-Identifier: Apache-2.0 */
/* apisource.h - an API server's objects, kept in a sink: one client, one watch a kind. As source.h
 * for manifests.
 *
 * A pod that is gone (its phase says so) is taken out of the sink, as CoreDNS does.
 * Owns:    nd_apisource is heap; its sink and configuration are the owner's and outlive it.
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
	const char *labels;           /* selector for Services, slices, pods; NULL: all */
	const char *namespace_labels; /* for Namespaces, ServiceImports; NULL: all */
	/* good: all kinds are there (again); once until something fails. Else what failed, each
	 * sort of failure once until all is good again; the last good state stays. */
	void (*report)(void *ctx, bool good, const char *text);
	void *ctx;
};

/* 0, or ND_ECONF with the diag set. Nothing is waited for: what comes, comes by the loop. */
int nd_apisource_new(struct nd_loop *loop, const struct nd_apisource_config *config,
		     struct nd_apisource **out, struct nd_diag *d);
void nd_apisource_free(struct nd_apisource *s);         /* takes NULL */
bool nd_apisource_synced(const struct nd_apisource *s); /* every kind was listed whole */
bool nd_apisource_wants(const struct nd_apisource *s, enum nd_object_kind kind);
const struct nd_apicount *nd_apisource_count(const struct nd_apisource *s);
/* Of that kind; all zero if it is not wanted. */
struct nd_watch_state nd_apisource_state(const struct nd_apisource *s, enum nd_object_kind kind);
