/* SPDX-License-Identifier: Apache-2.0 */
/* kstore_parts.h - what the files of the store share: kstore.c (made, found, waited for), kapi.c
 * (an API server as what fills it), kmetric.c (its numbers). For nobody else.
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
	struct nd_source *source; /* one of the two */
	struct nd_apisource *api;
	struct nd_apisource_config api_config;
	struct nd_ksnap snap;
	const struct nd_process *process;
	bool failing; /* the API server, since it was in step last */
	struct nd_source_config config;
	struct nd_selector labels, namespace_labels;
	struct nd_arena arena; /* of path and selectors */
};

static inline const char *nd_kstore_text(const char *text)
{
	return text ? text : "";
}

/* --- kapi.c --- */
/* Index and selectors are there. Where a configuration is only checked there is no loop, and nobody
 * is asked. */
int nd_kapi_open(struct nd_kstore *st, const struct nd_kconf *c, struct nd_loop *loop,
		 struct nd_diag *d);

/* --- kmetric.c --- */
/* A collector in the registry. Blocks that share a store say its numbers once: whoever of a
 * generation comes first. */
struct nd_kmetric {
	struct nd_kstore *store;
	struct nd_gen *gen;
	bool told; /* the generation's registry has it */
};
int nd_kmetric_collect(struct nd_kstore *st, struct nd_setup *s);
/* For nd_setup_share(): a copy of the one in ctx. */
void *nd_kmetric_copy(void *ctx);
