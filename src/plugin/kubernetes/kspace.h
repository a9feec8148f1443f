/* SPDX-License-Identifier: Apache-2.0 */
/* kspace.h - the writing side of namespaces and names: there as long as something is in them.
 * Control thread. */
#pragma once

#include "plugin/kubernetes/kindex.h"

/* Fills a node whose block has room for the text. */
void nd_kspace_fill_node(const struct nd_kindex *ix, struct nd_knode *node, void *parent,
			 char *text, const char *name);
struct nd_knode *nd_kspace_find(const struct nd_kindex *ix, const struct nd_ktable *t,
				const void *parent, const char *name);
/* The slice or pod called name in the namespace; NULL. */
struct nd_knode *nd_kspace_find_in(const struct nd_kindex *ix, const struct nd_ktable *t,
				   const char *namespace, const char *name);

/* With one reference more; NULL: no memory. */
struct nd_kns *nd_kspace_ref(struct nd_kindex *ix, const char *name);
void nd_kspace_unref(struct nd_kindex *ix, struct nd_kns *ns);
/* Of the Namespace objects. */
int nd_kspace_put(struct nd_kindex *ix, const char *name, struct nd_kupdate *update);
void nd_kspace_remove(struct nd_kindex *ix, struct nd_kns *ns);

/* A Service's or slices' name; NULL: nothing is called so. */
struct nd_kname *nd_kspace_find_name(struct nd_kindex *ix, enum nd_kscope scope,
				     const char *namespace, const char *name);
/* The name, made if there is none; NULL: no memory. Both are labels. */
struct nd_kname *nd_kspace_make_name(struct nd_kindex *ix, enum nd_kscope scope,
				     const char *namespace, const char *name);
/* It goes if nothing is called so any more. */
void nd_kspace_prune_name(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kname *name);
