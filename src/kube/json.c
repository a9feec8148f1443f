/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to a tree, with jansson. */
#include <errno.h>
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
		if (memchr(json_string_value(v), 0, json_string_length(v))) {
			t->kind = ND_TREE_BYTES;
			return t;
		}
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

static int convert(json_t *v, struct nd_arena *a, unsigned depth, struct nd_tree **out);

static int convert_list(struct nd_tree *t, json_t *v, struct nd_arena *a, unsigned depth)
{
	size_t i;
	json_t *item;

	json_array_foreach(v, i, item)
	{
		struct nd_tree *c;
		int err = convert(item, a, depth + 1, &c);
		if (err)
			return err;
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
		struct nd_tree *c;
		int err = convert(item, a, depth + 1, &c);
		if (err)
			return err;
		c->key = nd_arena_string(a, key);
		if (!c->key)
			return -ENOMEM;
		nd_tree_add(t, c);
	}
	return 0;
}

static int convert(json_t *v, struct nd_arena *a, unsigned depth, struct nd_tree **out)
{
	bool list = json_is_array(v);

	if (!list && !json_is_object(v)) {
		*out = leaf(v, a);
		return *out ? 0 : -ENOMEM;
	}
	if (depth >= ND_TREE_DEPTH_MAX)
		return ND_ELIMIT;
	*out = nd_tree_new(a, list ? ND_TREE_LIST : ND_TREE_MAP, 0);
	if (!*out)
		return -ENOMEM;
	return list ? convert_list(*out, v, a, depth) : convert_map(*out, v, a, depth);
}

/* jansson sets no code where an allocation failed. */
static bool is_out_of_memory(const json_error_t *e)
{
	enum json_error_code code = json_error_code(e);

	return code == json_error_unknown || code == json_error_out_of_memory;
}

int nd_json_parse(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_tree **out, struct nd_diag *d)
{
	json_error_t e;
	json_t *v = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
	struct nd_tree *t;

	if (!v && is_out_of_memory(&e)) {
		nd_diag_at(d, file, 0, "out of memory");
		return -ENOMEM;
	}
	if (!v)
		return nd_diag_at(d, file, e.line > 0 ? e.line : 1, "not JSON: %s", e.text);
	int err = convert(v, a, 0, &t);
	json_decref(v);
	if (err == ND_ELIMIT)
		return nd_diag_at(d, file, 1, "document is nested deeper than %d levels",
				  ND_TREE_DEPTH_MAX);
	if (err) {
		nd_diag_at(d, file, 1, "document is too large");
		return err;
	}
	*out = t;
	return 0;
}
