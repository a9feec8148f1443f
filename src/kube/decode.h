/* SPDX-License-Identifier: Apache-2.0 */
/* decode.h - documents to objects: a manifest, a List, a line of a watch.
 *
 * Kinds that have no DNS names are counted and ignored. A missing field has the value that the API
 * server would fill in. A field of the wrong type is an error. An invalid address, or a name that
 * is not a DNS label, is not: the sink decides.
 *
 * Owns:    objects and their text are in the arena given; the tree may be freed.
 * Errors:  ND_ECONF, or -ENOMEM (the arena may be full); the diag names file, line (where known)
 * and object. Threads: any.
 */
#pragma once

#include "kube/objects.h"
#include "kube/tree.h"

struct nd_decoded {
	struct nd_object object;
	struct nd_decoded *next;
};

struct nd_decode_list {
	struct nd_decoded *first, **end; /* in document order */
	size_t count[ND_OBJECT_KINDS];
	size_t others; /* objects of other kinds */
};

void nd_decode_init(struct nd_decode_list *list);
/* One document: an object, or a List of objects. A document of kind ND_TREE_NULL is empty. */
int nd_decode_document(const char *file, const struct nd_tree *doc, struct nd_arena *a,
		       struct nd_decode_list *list, struct nd_diag *d);
/* One object of an API server's list or watch. kind: the default if it has none of its own. */
int nd_decode_object(const struct nd_tree *t, enum nd_object_kind kind, struct nd_arena *a,
		     struct nd_decode_list *list, struct nd_diag *d);
