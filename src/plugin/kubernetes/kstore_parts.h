/* SPDX-License-Identifier: Apache-2.0 */
/* kstore_parts.h - shared by kstore.c (creation, lookup, the wait at startup), kapi.c (an API
 * server as the source) and kmetric.c (metrics); private to these.
 *
 * Threads: control.
 */
#pragma once

#include "kube/apisource.h"
#include "kube/source.h"
#include "plugin/kubernetes/ksnap.h"
#include "plugin/kubernetes/kstore.h"

struct nd_kstore {
	struct nd_kindex *index;
	struct nd_source *source; /* one of source and api is set */
	struct nd_apisource *api;
	struct nd_apisource_config api_config;
	struct nd_ksnap snap;
	struct nd_process *process;
	bool failing; /* the API server failed since the last success */
	struct nd_source_config config;
	struct nd_selector labels, namespace_labels;
	struct nd_arena arena; /* of path and selectors */
};

static inline const char *nd_kstore_text(const char *text)
{
	return text ? text : "";
}

/* --- kapi.c --- */
/* Index and selectors must be set. loop NULL: the configuration is only checked, and nothing is
 * requested. */
int nd_kapi_open(struct nd_kstore *st, const struct nd_kconf *c, struct nd_loop *loop,
		 struct nd_diag *d);

/* --- kmetric.c --- */
/* A collector in the registry: one per store and generation, since blocks may share a store. */
struct nd_kmetric {
	struct nd_kstore *store;
	struct nd_gen *gen;
	bool registered;
};
int nd_kmetric_collect(struct nd_kstore *st, struct nd_setup *s);
/* For nd_setup_share(): a copy of the one in ctx. */
void *nd_kmetric_copy(void *ctx);
