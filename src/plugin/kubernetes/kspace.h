/* SPDX-License-Identifier: Apache-2.0 */
/* kspace.h - changes to namespaces and names. Each exists as long as something refers to it.
 *
 * Threads: control.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* Fills a node; text has room for the name. */
void nd_kspace_fill_node(const struct nd_kindex *ix, struct nd_knode *node, void *parent,
			 char *text, const char *name);
struct nd_knode *nd_kspace_find(const struct nd_kindex *ix, const struct nd_ktable *t,
				const void *parent, const char *name);
/* The slice or pod of that name in the namespace, or NULL. */
struct nd_knode *nd_kspace_find_in(const struct nd_kindex *ix, const struct nd_ktable *t,
				   const char *namespace, const char *name);

/* Adds a reference to a namespace, creating it if needed. NULL: out of memory. */
struct nd_kns *nd_kspace_ref(struct nd_kindex *ix, const char *name);
void nd_kspace_unref(struct nd_kindex *ix, struct nd_kns *ns);
/* Records that the Namespace object exists, or no longer exists. 0 or -ENOMEM. */
int nd_kspace_put(struct nd_kindex *ix, const char *name, struct nd_kupdate *update);
void nd_kspace_remove(struct nd_kindex *ix, struct nd_kns *ns);

/* The name of a Service or of slices, or NULL. */
struct nd_kname *nd_kspace_find_name(struct nd_kindex *ix, enum nd_kscope scope,
				     const char *namespace, const char *name);
/* The same, created if needed; NULL: out of memory. Both are labels. */
struct nd_kname *nd_kspace_make_name(struct nd_kindex *ix, enum nd_kscope scope,
				     const char *namespace, const char *name);
/* Frees the name if nothing uses it any more. */
void nd_kspace_prune_name(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kname *name);
