/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to a tree, with jansson. */
#include <jansson.h>
#include <string.h>
#include "base/err.h"
#include "kube/tree.h"

static struct nd_tree *leaf(const json_t *v, struct nd_arena *a)
{
	struct nd_tree *t = nd_tree_new(a, ND_TREE_NULL, 0);

	if (!t)
		return NULL;
	switch (json_typeof(v)) {
	case JSON_STRING:
		t->kind = ND_TREE_TEXT;
		t->text = nd_arena_text(a, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		t->kind = ND_TREE_NUMBER;
		t->text = nd_arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		t->kind = ND_TREE_NUMBER;
		t->text = nd_arena_printf(a, "%.17g", json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		t->kind = ND_TREE_BOOL;
		t->text = json_is_true(v) ? "true" : "false";
		break;
	default: return t;
	}
	return t->text ? t : NULL;
}

static struct nd_tree *convert(json_t *v, struct nd_arena *a, unsigned depth);

static int convert_list(struct nd_tree *t, json_t *v, struct nd_arena *a, unsigned depth)
{
	size_t i;
	json_t *item;

	json_array_foreach(v, i, item)
	{
		struct nd_tree *c = convert(item, a, depth + 1);
		if (!c)
			return ND_ELIMIT;
		nd_tree_add(t, c);
	}
	return 0;
}

static int convert_map(struct nd_tree *t, json_t *v, struct nd_arena *a, unsigned depth)
{
	const char *key;
	json_t *item;

	json_object_foreach(v, key, item)
	{
		struct nd_tree *c = convert(item, a, depth + 1);
		if (!c)
			return ND_ELIMIT;
		c->key = nd_arena_string(a, key);
		if (!c->key)
			return ND_ELIMIT;
		nd_tree_add(t, c);
	}
	return 0;
}

static struct nd_tree *convert(json_t *v, struct nd_arena *a, unsigned depth)
{
	bool list = json_is_array(v);

	if (!list && !json_is_object(v))
		return leaf(v, a);
	if (depth >= ND_TREE_DEPTH_MAX)
		return NULL;
	struct nd_tree *t = nd_tree_new(a, list ? ND_TREE_LIST : ND_TREE_MAP, 0);
	if (!t)
		return NULL;
	return (list ? convert_list(t, v, a, depth) : convert_map(t, v, a, depth)) ? NULL : t;
}

int nd_json_parse(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_tree **out, struct nd_diag *d)
{
	json_error_t e;
	json_t *v = json_loadb(text, n, JSON_DECODE_ANY, &e);

	if (!v)
		return nd_diag_at(d, file, e.line > 0 ? e.line : 1, "not JSON: %s", e.text);
	struct nd_tree *t = convert(v, a, 0);
	json_decref(v);
	if (!t)
		return nd_diag_at(d, file, 1,
				  "document is too large, or nested deeper than %d levels",
				  ND_TREE_DEPTH_MAX);
	*out = t;
	return 0;
}
