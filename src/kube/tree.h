/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - a document as a tree of values, whatever it was written in.
 *
 * Owns:    nothing; nodes and text lie in the arena given to the parser.
 * Errors:  ND_ECONF with file, line and reason in the diag.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "conf/diag.h"

enum nd_tree_kind {
	ND_TREE_NULL,
	ND_TREE_BOOL,
	ND_TREE_NUMBER,
	ND_TREE_TEXT,
	ND_TREE_LIST,
	ND_TREE_MAP
};

enum {
	ND_TREE_DEPTH_MAX = 200,
	/* Nodes that the aliases of a text stand for: no few lines may stand for a billion. */
	ND_TREE_ALIASED_MAX = 1 << 20,
};

struct nd_tree {
	enum nd_tree_kind kind;
	int line;                     /* 0: not known (JSON) */
	uint32_t n;                   /* children */
	uint32_t weight;              /* nodes from here down, aliases counted each time */
	const char *key;              /* in a map */
	const char *text;             /* TEXT; NUMBER and BOOL as written ("true", "false") */
	struct nd_tree *first, *last; /* children */
	struct nd_tree *next;         /* sibling, or the next document */
};

/* The value of a key, the last one if it stands twice; NULL for none, for null, and if t is NULL or
 * no map. */
const struct nd_tree *nd_tree_get(const struct nd_tree *t, const char *key);
/* NULL: the arena is full. */
struct nd_tree *nd_tree_new(struct nd_arena *a, enum nd_tree_kind kind, int line);
void nd_tree_add(struct nd_tree *parent, struct nd_tree *child);

/* YAML: all documents of the text, linked by next; an empty one is a NULL node. *out is NULL for
 * none. */
int nd_yaml_parse(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_tree **out, struct nd_diag *d);
/* JSON: one document. */
int nd_json_parse(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_tree **out, struct nd_diag *d);
