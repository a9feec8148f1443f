/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/err.h"

enum { WHERE_BYTES_MAX = 600 }; /* kind and two names of 253 bytes */

int nd_fields_fail(struct nd_fields *c, const struct nd_tree *at, const char *what, const char *why)
{
	int line = at && at->line ? at->line : c->object ? c->object->line : 0;

	return nd_diag_at(c->diag, c->file, line, "%s %s%s%s: %s%s%s", c->kind, c->namespace,
			  c->namespace[0] ? "/" : "", c->name[0] ? c->name : "(no name)", what,
			  what[0] ? " " : "", why);
}

int nd_fields_invalid(struct nd_fields *c, const struct nd_tree *v, const char *key,
		      const char *must)
{
	char where[WHERE_BYTES_MAX];

	if (!v->text)
		return nd_fields_fail(c, v, key, "has the wrong type");
	snprintf(where, sizeof where, "%.64s %.253s%s%.253s: ", c->kind, c->namespace,
		 c->namespace[0] ? "/" : "", c->name[0] ? c->name : "(no name)");
	return nd_diag_invalid(c->diag, c->file, v->line, where, key, v->text, must);
}

int nd_fields_no_memory(struct nd_fields *c)
{
	nd_fields_fail(c, NULL, "", "out of memory");
	return -ENOMEM;
}

int nd_fields_text(struct nd_fields *c, const struct nd_tree *map, const char *key,
		   const char **out)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	if (!v)
		return 0;
	if (v->kind == ND_TREE_BYTES)
		return nd_fields_fail(c, v, key, "must not contain a NUL character");
	if (v->kind != ND_TREE_TEXT)
		return nd_fields_fail(c, v, key, "must be a string (put it in quotes)");
	*out = nd_arena_string(c->arena, v->text);
	return *out ? 0 : nd_fields_no_memory(c);
}

int nd_fields_bool(struct nd_fields *c, const struct nd_tree *map, const char *key, bool *out)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	if (!v)
		return 0;
	if (v->kind != ND_TREE_BOOL)
		return nd_fields_invalid(c, v, key, "true or false, without quotes");
	*out = v->text[0] == 't';
	return 0;
}

int nd_fields_port(struct nd_fields *c, const struct nd_tree *map, const char *key, int32_t *out)
{
	const struct nd_tree *v = nd_tree_get(map, key);
	char *end;

	if (!v)
		return 0;
	errno = 0;
	long n = v->kind == ND_TREE_NUMBER ? strtol(v->text, &end, 10) : -1;
	if (c->lax && v->kind == ND_TREE_NUMBER && !*end && (n < 0 || n > 65535)) {
		*out = -1;
		return 0;
	}
	if (n < 0 || n > 65535 || errno || *end)
		return nd_fields_invalid(c, v, key, "a number from 0 to 65535, without quotes");
	*out = (int32_t)n;
	return 0;
}

int nd_fields_node(struct nd_fields *c, const struct nd_tree *map, const char *key,
		   enum nd_tree_kind kind, const struct nd_tree **out)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	*out = NULL; /* on failure, too: callers rely on it */
	if (v && v->kind != kind)
		return nd_fields_fail(c, v, key,
				      kind == ND_TREE_LIST ? "must be a list" : "must be a map");
	*out = v;
	return 0;
}

int nd_fields_need_map(struct nd_fields *c, const struct nd_tree *item, const char *in)
{
	return item->kind == ND_TREE_MAP ? 0
					 : nd_fields_fail(c, item, in, "must be a list of maps");
}
