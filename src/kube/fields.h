/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h - reads the fields of one object from a tree; messages name file, line, object and
 * field.
 *
 * Each returns 0 or ND_ECONF with the diag set. An absent field, or a null one, leaves *out as it
 * is.
 */
#pragma once

#include "kube/objects.h"
#include "kube/tree.h"

struct nd_fields {
	const char *file;
	struct nd_arena *arena;
	struct nd_diag *diag;
	const char *kind, *namespace, *name; /* of the object at hand, for messages */
	const struct nd_tree *object;
	bool lax; /* an API server's: a port that is none is left out, as it is where objects come
		     in protobuf */
};

/* `what` (a field, or "") `why`; at may be NULL: the object itself. */
int nd_fields_fail(struct nd_fields *c, const struct nd_tree *at, const char *what,
		   const char *why);
int nd_fields_no_memory(struct nd_fields *c);

/* A copy in the arena. */
int nd_fields_text(struct nd_fields *c, const struct nd_tree *map, const char *key,
		   const char **out);
int nd_fields_bool(struct nd_fields *c, const struct nd_tree *map, const char *key, bool *out);
int nd_fields_port(struct nd_fields *c, const struct nd_tree *map, const char *key, int32_t *out);
/* A list or a map; *out is NULL where it is absent. */
int nd_fields_node(struct nd_fields *c, const struct nd_tree *map, const char *key,
		   enum nd_tree_kind kind, const struct nd_tree **out);
int nd_fields_need_map(struct nd_fields *c, const struct nd_tree *item, const char *in);
