/* SPDX-License-Identifier: Apache-2.0 */
/* decode.h - documents to objects.
 *
 * One decoder for every origin: a manifest, a List, a line of a watch. Kinds that no name is made
 * of are counted and left out. Missing fields have the value that the API server would fill in.
 * Owns: objects and their text lie in the arena given; the tree may go. Errors:  ND_ECONF, the diag
 * names file, line (where known) and object. A field of the wrong type is an error; an address that
 * is none, or a name that is no label, is not: its user decides.
 */
#pragma once

#include "kube/objects.h"
#include "kube/tree.h"

struct nd_decoded {
	struct nd_object object;
	struct nd_decoded *next;
};

struct nd_decode_list {
	struct nd_decoded *first, **end; /* in the order of the text */
	size_t count[ND_OBJECT_KINDS];
	size_t others; /* objects of other kinds */
};

void nd_decode_init(struct nd_decode_list *list);
/* One document: an object, or a List of them. A NULL document is nothing. */
int nd_decode_document(const char *file, const struct nd_tree *doc, struct nd_arena *a,
		       struct nd_decode_list *list, struct nd_diag *d);
/* One object of an API server's list or watch, of that kind where it does not say so itself. */
int nd_decode_object(const struct nd_tree *t, enum nd_object_kind kind, struct nd_arena *a,
		     struct nd_decode_list *list, struct nd_diag *d);
