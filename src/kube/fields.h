/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h - reads the fields of one object from a tree.
 *
 * An absent or null field leaves *out unchanged.
 *
 * Owns:    copied text is in the arena given.
 * Errors:  ND_ECONF, or -ENOMEM; the diag names file, line, object and field.
 * Threads: any, each with its own.
 */
#pragma once

#include "kube/objects.h"
#include "kube/tree.h"

struct nd_fields {
	const char *file;
	struct nd_arena *arena;
	struct nd_diag *diag;
	const char *kind, *namespace, *name; /* of the current object, for messages */
	const struct nd_tree *object;
	bool lax; /* from an API server: a port out of range is ignored, as in protobuf (pb.h) */
};

/* "KIND NAMESPACE/NAME: WHAT WHY". what: a field, or "". at: for the line; NULL: the object's. */
int nd_fields_fail(struct nd_fields *c, const struct nd_tree *at, const char *what,
		   const char *why);
/* "KIND NAMESPACE/NAME: invalid KEY "VALUE": must be MUST" (base/invalid.h). */
int nd_fields_invalid(struct nd_fields *c, const struct nd_tree *v, const char *key,
		      const char *must);
int nd_fields_no_memory(struct nd_fields *c);

/* A string, copied to the arena. */
int nd_fields_text(struct nd_fields *c, const struct nd_tree *map, const char *key,
		   const char **out);
int nd_fields_bool(struct nd_fields *c, const struct nd_tree *map, const char *key, bool *out);
int nd_fields_port(struct nd_fields *c, const struct nd_tree *map, const char *key, int32_t *out);
/* A list or a map; *out is NULL if it is absent. */
int nd_fields_node(struct nd_fields *c, const struct nd_tree *map, const char *key,
		   enum nd_tree_kind kind, const struct nd_tree **out);
/* An element of the list `in`. */
int nd_fields_need_map(struct nd_fields *c, const struct nd_tree *item, const char *in);
