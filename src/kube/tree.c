/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/tree.h"

#include <string.h>
#include "base/err.h"

const struct nd_tree *nd_tree_get(const struct nd_tree *t, const char *key)
{
	const struct nd_tree *found = NULL;

	if (!t || t->kind != ND_TREE_MAP)
		return NULL;
	for (const struct nd_tree *c = t->first; c; c = c->next)
		if (strcmp(c->key, key) == 0)
			found = c;
	return found && found->kind != ND_TREE_NULL ? found : NULL;
}

struct nd_tree *nd_tree_new(struct nd_arena *a, enum nd_tree_kind kind, int line)
{
	struct nd_tree *t = nd_arena_alloc(a, sizeof *t);

	if (t) {
		t->kind = kind;
		t->line = line;
		t->weight = 1;
	}
	return t;
}

void nd_tree_add(struct nd_tree *parent, struct nd_tree *child)
{
	if (__builtin_add_overflow(parent->weight, child->weight, &parent->weight))
		parent->weight = UINT32_MAX;
	parent->n++;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}
