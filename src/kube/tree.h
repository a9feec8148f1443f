/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - a YAML or JSON document as a tree of values.
 *
 * Owns:    nothing; nodes and text are in the arena given to the parser.
 * Errors:  ND_ECONF; the diag has file, line and reason.
 * Threads: any, each with its own arena.
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
	ND_TREE_BYTES, /* JSON: a string with a NUL, which no field in use may have; no text */
	ND_TREE_LIST,
	ND_TREE_MAP
};

enum {
	ND_TREE_DEPTH_MAX = 200,
	/* Nodes that all aliases of a text expand to: a few lines could make a billion. */
	ND_TREE_ALIASED_MAX = 1 << 20,
};

struct nd_tree {
	enum nd_tree_kind kind;
	int line;                     /* 0: unknown (JSON) */
	uint32_t n;                   /* children */
	uint32_t weight;              /* nodes of this subtree; aliases are counted each time */
	const char *key;              /* in a map */
	const char *text;             /* TEXT; NUMBER and BOOL as written ("true", "false") */
	struct nd_tree *first, *last; /* children */
	struct nd_tree *next;         /* sibling, or the next document */
};

/* The value of a key; the last one if the key is repeated. NULL if there is none, if it is null, or
 * if t is NULL or not a map. */
const struct nd_tree *nd_tree_get(const struct nd_tree *t, const char *key);
/* NULL: the arena is full. */
struct nd_tree *nd_tree_new(struct nd_arena *a, enum nd_tree_kind kind, int line);
void nd_tree_add(struct nd_tree *parent, struct nd_tree *child);

/* YAML: all documents of the text, linked by next; an empty one has kind ND_TREE_NULL. *out is NULL
 * if there are none. */
int nd_yaml_parse(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_tree **out, struct nd_diag *d);
/* JSON: one document. -ENOMEM: memory is out, or the arena is full (nd_arena.full). */
int nd_json_parse(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_tree **out, struct nd_diag *d);
